"""What the parameters of a service's template must be, for cfn-lint: the broker answers with their own words if a value
does not fit, and shows flags as booleans.
"""

from __future__ import annotations

import re
from typing import Any

from cfnlint.rules import CloudFormationLintRule, RuleMatch

FLAG = ["true", "false"]
# What people write for a flag, in small letters.
FLAG_WORDS = {"true", "false", "yes", "no", "on", "off", "enabled", "disabled"}


class Constraints(CloudFormationLintRule):
    """Nobody can act on a regular expression. `must …` stands behind the parameter's name, as in CloudFormation's own
    messages.
    """

    id = "E9008"
    shortdesc = "Check that patterns are explained"
    description = "A parameter with an AllowedPattern has a ConstraintDescription that begins with `must`"
    source_url = "https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/parameters-section-structure.html"
    tags = ["parameters"]

    def match(self, cfn: Any) -> list[RuleMatch]:
        return [
            RuleMatch(["Parameters", name], f"{name} needs a ConstraintDescription that begins with `must`")
            for name, parameter in cfn.template.get("Parameters", {}).items()
            if "AllowedPattern" in parameter and not parameter.get("ConstraintDescription", "").startswith("must ")
        ]


class Patterns(CloudFormationLintRule):
    """Platforms check values against the catalog's patterns as well, and regular expressions of some languages, such as
    Go's, have no lookaround.
    """

    id = "E9010"
    shortdesc = "Check that patterns work everywhere"
    description = "An AllowedPattern has no lookahead or lookbehind"
    source_url = "https://json-schema.org/understanding-json-schema/reference/regular_expressions"
    tags = ["parameters"]

    def match(self, cfn: Any) -> list[RuleMatch]:
        return [
            RuleMatch(["Parameters", name, "AllowedPattern"], f"the pattern of {name} looks ahead or behind")
            for name, parameter in cfn.template.get("Parameters", {}).items()
            if re.search(r"\(\?<?[=!]", parameter.get("AllowedPattern", ""))
        ]


class Flags(CloudFormationLintRule):
    """One way to write yes and no. AWS's own words, such as `"ON"`, `OPTIONAL` and `"OFF"` for MFA, are no flag where
    there are others beside them.
    """

    id = "E9009"
    shortdesc = "Check how flags are written"
    description = 'The AllowedValues of a flag are `["true", "false"]`, as text'
    source_url = "https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/parameters-section-structure.html"
    tags = ["parameters"]

    def match(self, cfn: Any) -> list[RuleMatch]:
        return [
            RuleMatch(["Parameters", name, "AllowedValues"], f"{name} is a flag: its AllowedValues are {FLAG}")
            for name, parameter in cfn.template.get("Parameters", {}).items()
            if is_flag(parameter) and list(parameter["AllowedValues"]) != FLAG
        ]


def is_flag(parameter: Any) -> bool:
    values = parameter.get("AllowedValues", [])
    return bool(values) and all(str(value).lower() in FLAG_WORDS for value in values)
