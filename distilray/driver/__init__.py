"""The driver: carries out a recipe, from its sources to a measured student, under the run's lease."""

from distilray.driver.events import Event, Listener
from distilray.driver.pilot import Forecast, count_rows, pilot
from distilray.driver.rehearse import Rehearsed, rehearse
from distilray.driver.run import Finished, available, run

__all__ = [
    "Event",
    "Finished",
    "Forecast",
    "Listener",
    "Rehearsed",
    "available",
    "count_rows",
    "pilot",
    "rehearse",
    "run",
]
