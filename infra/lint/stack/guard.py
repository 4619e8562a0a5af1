"""What the guard of `infra/template.yaml` keeps from being deleted, for cfn-lint."""

from __future__ import annotations

from typing import Any

from cfnlint.rules import CloudFormationLintRule, RuleMatch
from networkx import descendants

GUARD = "Custom::InstancesGuard"


class Guard(CloudFormationLintRule):
    """When a stack is deleted, what a resource depends on goes after it; what it does not depend on may go before."""

    id = "E9004"
    shortdesc = "Check that everything is deleted after the guard"
    description = "The guard depends on all other resources, if only through one of them"
    source_url = "https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-attribute-dependson.html"
    tags = ["resources"]

    def match(self, cfn: Any) -> list[RuleMatch]:
        return [
            RuleMatch(["Resources", name], f"{name} may be deleted before {guard}, which has to refer to it")
            for guard in cfn.get_resources(GUARD)
            for name in cfn.get_resources().keys() - descendants(cfn.graph.graph, guard) - {guard}
        ]
