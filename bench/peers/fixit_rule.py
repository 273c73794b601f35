"""A rule comparable to ``sqlalchemy-exists-over-count``, as a Fixit lint rule."""

import libcst as cst
import libcst.matchers as m
from fixit import LintRule
from libcst.metadata import QualifiedNameProvider


class ExistsOverCount(LintRule):
    """Report ``q.count() > 0`` where ``q`` begins with a name imported from SQLAlchemy."""

    METADATA_DEPENDENCIES = (QualifiedNameProvider,)

    def visit_Comparison(self, node: cst.Comparison) -> None:
        pattern = m.Comparison(
            left=m.Call(func=m.Attribute(attr=m.Name("count")), args=[]),
            comparisons=[m.ComparisonTarget(m.GreaterThan(), m.Integer("0"))],
        )
        if not m.matches(node, pattern):
            return
        names = self.get_metadata(QualifiedNameProvider, node.left.func.value, set())
        if any(name.name.startswith("sqlalchemy") for name in names):
            self.report(node, "use exists()")
