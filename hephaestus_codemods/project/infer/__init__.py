"""Works out the values of expressions; see ``expressions.py`` for what that means.

The modules call each other in a circle: an annotation is an expression, a call gives what the
function returns, and what it returns is an expression again.
"""

from hephaestus_codemods.project.infer.calls import called
from hephaestus_codemods.project.infer.combine import keyword
from hephaestus_codemods.project.infer.expressions import (
    bound_value,
    class_named,
    global_value,
    kind,
    name_of,
    names_of,
    value,
)
from hephaestus_codemods.project.infer.hints import (
    annotated,
    decorators,
    definition,
    global_definition,
    is_subclass,
    provided,
)
from hephaestus_codemods.project.infer.members import has_member, lineage, member
from hephaestus_codemods.project.infer.reaching import reaching
from hephaestus_codemods.project.infer.returns import (
    awaited,
    element,
    entered,
    function_parts,
    returned,
)

__all__ = [
    "annotated",
    "awaited",
    "bound_value",
    "called",
    "class_named",
    "decorators",
    "definition",
    "element",
    "entered",
    "function_parts",
    "global_definition",
    "global_value",
    "has_member",
    "is_subclass",
    "keyword",
    "kind",
    "lineage",
    "member",
    "name_of",
    "names_of",
    "provided",
    "reaching",
    "returned",
    "value",
]
