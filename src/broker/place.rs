//! An account and a Region, and the addresses that follow from them.

/// An account and a Region. They provide the values of `${AWS::…}` in templates.
#[derive(Clone, Debug)]
pub struct Place {
    /// The account's id: twelve digits.
    pub account_id: String,
    /// The Region's name, such as `eu-central-1`.
    pub region: String,
    /// The partition: `aws`, `aws-cn`, …
    pub partition: String,
}

impl Place {
    /// The domain suffix of AWS's endpoints: CloudFormation's `AWS::URLSuffix`.
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

    /// Returns the URL of the stack's page in the AWS console, or `None` for partitions whose
    /// console has no public address.
    ///
    /// The URL must be known before the stack exists, so it holds the stack's name and not its ARN.
    /// The list beside the page is filtered by the name as well.
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
