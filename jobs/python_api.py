# %% [markdown]
# A small practice recipe in Python: generated problems, a tiny teacher, checks, and a tiny student that learns from
# the answers that pass. It needs no GPU and no download, and takes a few minutes on two cores. Run it as a whole with
#
#     python jobs/python_api.py --rows 400 --steps 150
#
# or cell by cell in an editor that knows `# %%`.

# %%
import argparse

import distilray as dr

parser = argparse.ArgumentParser(description="Build, plan and run a practice recipe from Python.")
parser.add_argument("--rows", type=int, default=400, help="problems to begin with")
parser.add_argument("--steps", type=int, default=150, help="optimizer steps of the student")
parser.add_argument("--questions", type=int, default=60, help="held-out problems to measure on")
parser.add_argument("--run", default="runs/python-api", help="run directory")
options = parser.parse_known_args()[0]

# %% [markdown]
# ## The recipe
# Models are named, steps refer to them by name. A step of one's own would stand in `steps` like the others.

# %%
CHECKPOINTS = "package://distilray.practice/checkpoints"


def practice_model(name: str, max_tokens: int = 128, temperature: float = 0.0) -> dr.VLLMModel:
    sampling = dr.Sampling(max_tokens=max_tokens, temperature=temperature)
    return dr.VLLMModel(path=f"{CHECKPOINTS}/{name}", cpus=0.5, max_num_seqs=64, max_model_len=512, sampling=sampling)


def problems(name: str, rows: int, seed: int, **more: str) -> dr.Source:
    return dr.Source(
        name=name, uses="distilray.practice:problems", with_={"rows": rows, "seed": seed, **more}, license="Apache-2.0"
    )


recipe = dr.Recipe(
    name="python-api",
    description="answer -> check -> SFT -> evaluate, in the practice world",
    models={"teacher": practice_model("teacher", temperature=0.7), "student": practice_model("student_warm")},
    sources=[problems("problems", options.rows, seed=1)],
    steps=[dr.steps.Answer(model="teacher"), dr.steps.Check(reference="numeric")],
    train=[
        dr.train.SFTSettings(
            student="student",
            max_steps=options.steps,
            learning_rate=3e-3,
            schedule="linear",
            batch_size=32,
            micro_batch_size=16,
            max_length=256,
            precision="fp32",
        )
    ],
    evaluate=[
        dr.Questions(
            name="practice",
            source=problems("held-out", options.questions, seed=2, split="held_out"),
            models=("student_before", "student_after"),
        )
    ],
    resources=dr.Resources(unit_rows=128),
)
print(recipe.to_yaml())

# %% [markdown]
# ## The plan
# Phases, what is resident in each, and what the training needs, against this machine.

# %%
print(dr.plan(recipe))

# %% [markdown]
# ## The run
# The same call continues a run that was stopped, and does nothing where everything is done.

# %%
run = dr.run(recipe, directory=options.run)
for name, counts in run.outcomes.items():
    print(f"{name}: {counts.rows_in} in, {counts.kept} kept, {counts.rejected} rejected, {counts.failed} failed")

# %% [markdown]
# ## The results
# Any step's rows are an Arrow table; results of benchmarks are objects; the student is a Hugging Face checkpoint.

# %%
wrong = run.table("check", ["id", "answer", "reference", "reason"], outcome="rejected")
print(wrong.num_rows, "answers rejected, for example", wrong.slice(0, 1).to_pylist())
for result in run.evaluations:
    print(f"{result.model} on {result.benchmark}: {result.value:.3f} +- {result.stderr:.3f}")
print("student", run.student)
print("report ", run.report())
