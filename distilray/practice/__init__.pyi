from .arithmetic import Problem as Problem
from .arithmetic import problems as problems
from .arithmetic import split_of as split_of
from .roles import make as make
from .roles import measure as measure
from .roles import train as train
from .worked import Trace as Trace
from .worked import traces as traces
