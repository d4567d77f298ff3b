"""distilray distils a large language model into a small one, at scale, on Ray.

In Python:

    import distilray as dr

    recipe = dr.load_recipe("jobs/recipes/quickstart.yaml")
    print(dr.plan(recipe))
    run = dr.run(recipe)
    run.outcomes, run.evaluations, run.student
"""

import lazy_loader

__version__ = "0.1.0"

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
