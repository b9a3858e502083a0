from ..core.plugin import Plugin, register
from ..config import settings
from . import _impl


class HttpPlugin(Plugin):
    name = "http"
    options = settings.HTTP_OPTIONS

    def setup(self, *args, **kwargs):
        self._impl = _impl.make(self.options, *args, **kwargs)

    def teardown(self):
        self._impl.close()


register(HttpPlugin)
