from .console.session import chat as chat
from .inference.command import serve as serve
from .inference.target import CannotServe as CannotServe
from .inference.target import find_students as find_students
from .settings import ServedModel as ServedModel
from .settings import ServeSettings as ServeSettings
