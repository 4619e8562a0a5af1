//! Where the broker works, and the addresses that follow from it.

/// An account and a region: values for `${AWS::…}` in templates.
#[derive(Clone, Debug)]
pub struct Place {
    /// Twelve digits.
    pub account_id: String,
    /// Such as `eu-central-1`.
    pub region: String,
    /// `aws`, `aws-cn`, …
    pub partition: String,
}

impl Place {
    /// What the names of AWS's endpoints end with: CloudFormation's `AWS::URLSuffix`.
    pub fn url_suffix(&self) -> &'static str {
        match self.partition.as_str() {
            "aws-cn" => "amazonaws.com.cn",
            "aws-eusc" => "amazonaws.eu",
            "aws-iso" => "c2s.ic.gov",
            "aws-iso-b" => "sc2s.sgov.gov",
            "aws-iso-e" => "cloud.adc-e.uk",
            "aws-iso-f" => "csp.hci.ic.gov",
            _ => "amazonaws.com",
        }
    }

    /// The stack's page in the AWS console; nothing for partitions whose console has no public
    /// address.
    ///
    /// It has to be known before the stack is, so that it names the stack and not its ARN; the list
    /// beside the page is filtered by the name as well.
    pub fn dashboard_url(&self, stack_name: &str) -> Option<String> {
        let console = match self.partition.as_str() {
            "aws" => "console.aws.amazon.com",
            "aws-cn" => "console.amazonaws.cn",
            "aws-us-gov" => "console.amazonaws-us-gov.com",
            "aws-eusc" => "console.amazonaws-eusc.eu",
            _ => return None,
        };
        let region = &self.region;
        Some(format!(
            "https://{region}.{console}/cloudformation/home?region={region}#/stacks/stackinfo?filteringText={stack_name}\
             &filteringStatus=active&viewNested=true&stackId={stack_name}"
        ))
    }
}
