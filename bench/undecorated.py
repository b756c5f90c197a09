"""Python source with each decorated function as a plain one, decorated by assignment, for mutmut to mutate.

`@property def end(self): ...` becomes `def end_decorated(self): ...` and `end = property(end_decorated)`.
"""

from typing import Final

import libcst as cst

# At the end of the plain function's name.
MARK: Final = "_decorated"


def undecorated(source: str) -> str:
    """The source rewritten; overloads stay as they are, for they hold nothing to mutate."""
    return cst.parse_module(source).visit(_Undecorating()).code


class _Undecorating(cst.CSTTransformer):
    def leave_FunctionDef(
        self, original_node: cst.FunctionDef, updated_node: cst.FunctionDef
    ) -> cst.FunctionDef | cst.FlattenSentinel[cst.BaseStatement]:
        decorators = [cst.Module([]).code_for_node(it.decorator) for it in updated_node.decorators]
        if not decorators or "overload" in decorators:
            return updated_node
        name = updated_node.name.value
        value = plain = f"{name}{MARK}"
        for decorator in reversed(decorators):
            value = f"{decorator}({value})"
        return cst.FlattenSentinel(
            [
                updated_node.with_changes(name=cst.Name(plain), decorators=[]),
                cst.parse_statement(f"{name} = {value}"),
            ]
        )
