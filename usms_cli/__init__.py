"""usms: bulk SMS from files through the uSpeedo API, safely."""

__version__ = "0.1.0"
