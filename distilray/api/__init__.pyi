from .handle import NotARun as NotARun
from .handle import Run as Run
from .handle import open_run as open_run
from .planned import PlannedRecipe as PlannedRecipe
from .planned import plan as plan
from .running import run as run
from .tables import step_tables as step_tables
