"""Report of a run or a sweep as one HTML file. The package itself can be called: `survembed.report(run)`."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from survembed.report.build import WrittenReport


class _CallableModule(ModuleType):
    """A function of the top level has the name of this package; importing the package must not hide it."""

    def __call__(self, *arguments: Any, **options: Any) -> WrittenReport:
        from survembed.report.single import report_on

        return report_on(*arguments, **options)


sys.modules[__name__].__class__ = _CallableModule
