"""A rule comparable to ``sqlalchemy-exists-over-count``, as a LibCST codemod command."""

import libcst as cst
import libcst.matchers as m
from libcst.codemod import VisitorBasedCodemodCommand
from libcst.metadata import QualifiedNameProvider


class ExistsOverCount(VisitorBasedCodemodCommand):
    """Rewrite ``q.count() > 0`` where ``q`` begins with a name imported from SQLAlchemy."""

    DESCRIPTION = "exists over count"
    METADATA_DEPENDENCIES = (QualifiedNameProvider,)

    def leave_Comparison(self, original_node, updated_node):
        pattern = m.Comparison(
            left=m.Call(func=m.Attribute(attr=m.Name("count")), args=[]),
            comparisons=[m.ComparisonTarget(m.GreaterThan(), m.Integer("0"))],
        )
        if not m.matches(original_node, pattern):
            return updated_node
        names = self.get_metadata(QualifiedNameProvider, original_node.left.func.value, set())
        if not any(name.name.startswith("sqlalchemy") for name in names):
            return updated_node
        return cst.parse_expression(f"{cst.Module([]).code_for_node(updated_node.left)} != 0")
