"""The import-linter rule behind the table of the architecture: for each kind of module, the list of what it may import.

import-linter's own `forbidden` names what must not be imported, so every new library would have to be foreseen, and
names of modules that do not exist are errors. An allow list needs neither. Only direct imports are judged: each module
on the way is judged by its own row.
"""

from __future__ import annotations

import sys
from fnmatch import fnmatchcase

from grimp import ImportGraph
from importlinter import Contract, ContractCheck, fields, output


def _under(module: str, root: str) -> bool:
    return module == root or module.startswith(root + ".")


class AllowedImports(Contract):
    """`modules` (dotted patterns; a trailing `.**` takes the package and all below) may import only `allowed`.

    Words in `allowed` and `never`: `stdlib`, `third-party`, `own` or `own.<name>` (the service the module lies in), or
    a dotted name with everything below it. `never` wins over `allowed`.
    """

    type_name = "allowed"
    modules = fields.ListField(subfield=fields.StringField())
    allowed = fields.ListField(subfield=fields.StringField())
    except_modules = fields.ListField(subfield=fields.StringField(), required=False, default=[])
    never = fields.ListField(subfield=fields.StringField(), required=False, default=[])

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        """Collect `importer, imported, line` of every direct import that no word allows."""
        refused: list[tuple[str, str, int | None]] = []
        for importer in sorted(graph.modules):
            if not self._names(self.modules, importer) or self._names(self.except_modules, importer):
                continue
            for imported in sorted(graph.find_modules_directly_imported_by(importer)):
                if self._may(importer, imported):
                    continue
                details = graph.get_import_details(importer=importer, imported=imported)
                refused.append((importer, imported, details[0]["line_number"] if details else None))
        return ContractCheck(kept=not refused, metadata={"refused": refused})

    def render_broken_contract(self, check: ContractCheck) -> None:
        """One line for each refused import."""
        for importer, imported, line in check.metadata["refused"]:
            output.print_error(f"{importer} may not import {imported} (line {line})")

    @staticmethod
    def _names(patterns: object, module: str) -> bool:
        assert isinstance(patterns, list)  # noqa: S101 - narrows the descriptor for mypy
        for pattern in patterns:
            parts = pattern.removesuffix(".**").split(".")
            own = module.split(".")
            if pattern.endswith(".**"):
                own = own[: len(parts)]
            if len(own) == len(parts) and all(fnmatchcase(name, part) for name, part in zip(own, parts, strict=True)):
                return True
        return False

    def _may(self, importer: str, imported: str) -> bool:
        def said(words: object) -> bool:
            assert isinstance(words, list)  # noqa: S101 - narrows the descriptor for mypy
            return any(self._word_covers(word, importer, imported) for word in words)

        return said(self.allowed) and not said(self.never)

    @staticmethod
    def _word_covers(word: str, importer: str, imported: str) -> bool:
        top = imported.split(".")[0]
        if word == "stdlib":
            return top in sys.stdlib_module_names
        if word == "third-party":
            return top != "services" and top not in sys.stdlib_module_names
        if word == "own" or word.startswith("own."):
            return _under(imported, ".".join(importer.split(".")[:2]) + word.removeprefix("own"))
        return _under(imported, word)
