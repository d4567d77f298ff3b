from .downloads import download as download
from .store import Store as Store
from .store import StoreError as StoreError
