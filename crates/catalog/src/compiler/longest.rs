//! Maximum lengths of names and values in AWS, for policies whose length IAM limits.

use std::borrow::Cow;

use super::document::Parameter;
use crate::reference::Reference;

/// IAM's limit of all inline policies of a user, in characters without white space.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html#reference_iam-quotas-entity-length>
pub const MAX_USER_POLICY: usize = 2_048;
/// IAM's limit of a managed policy, such as a permissions boundary, in characters; same page. A
/// role's inline policies may have 10,240, so a policy that fits a user also fits a role.
pub const MAX_MANAGED_POLICY: usize = 6_144;

/// A prefix of names with the maximum length of the parameter `NamePrefix` in the broker's stack.
pub const NAME_PREFIX: &str = "prefixprefix";
/// An account id, with the 12 digits that all of them have.
pub const ACCOUNT_ID: &str = "123456789012";
/// A UUID, with the 36 characters that all of them have.
pub const UUID: &str = "01234567-89ab-cdef-0123-456789abcdef";

/// The name of a database user, with the 29 characters that all of them have.
const DATABASE_USER: &str = "sb_abcdefghijklmnopqrstuvwxyz";

/// CloudFormation's limit of one parameter value, in bytes.
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html>
const MAX_PARAMETER: usize = 4_096;
/// Assumed maximum length of a name, in characters, if the resource's type is unknown. The few
/// types with longer names are in [`TYPES`].
const MAX_NAME: usize = 256;

/// An AWS partition with its longest Region.
/// <https://docs.aws.amazon.com/general/latest/gr/rande.html>
#[derive(Debug)]
pub struct Partition {
    /// Name of the partition, as in ARNs.
    pub name: &'static str,
    /// Name of the Region with the longest name.
    pub region: &'static str,
    /// Value of `AWS::URLSuffix` in the partition.
    pub url_suffix: &'static str,
}

/// All partitions. Each is tried separately, because each has other long parts.
pub const PARTITIONS: [Partition; 8] = [
    Partition {
        name: "aws",
        region: "ap-southeast-1",
        url_suffix: "amazonaws.com",
    },
    Partition {
        name: "aws-us-gov",
        region: "us-gov-west-1",
        url_suffix: "amazonaws.com",
    },
    Partition {
        name: "aws-cn",
        region: "cn-northwest-1",
        url_suffix: "amazonaws.com.cn",
    },
    Partition {
        name: "aws-eusc",
        region: "eusc-de-east-1",
        url_suffix: "amazonaws.eu",
    },
    Partition {
        name: "aws-iso",
        region: "us-iso-east-1",
        url_suffix: "c2s.ic.gov",
    },
    Partition {
        name: "aws-iso-b",
        region: "us-isob-east-1",
        url_suffix: "sc2s.sgov.gov",
    },
    Partition {
        name: "aws-iso-e",
        region: "eu-isoe-west-1",
        url_suffix: "cloud.adc-e.uk",
    },
    Partition {
        name: "aws-iso-f",
        region: "us-isof-south-1",
        url_suffix: "csp.hci.ic.gov",
    },
];

impl Partition {
    /// Returns the value of a pseudo parameter or of `NamePrefix`, if all stacks have the same.
    pub fn reference(&self, name: &str) -> Option<&'static str> {
        if name == "NamePrefix" {
            return Some(NAME_PREFIX);
        }

        match Reference::parse(name)? {
            Reference::Partition => Some(self.name),
            Reference::Region => Some(self.region),
            Reference::UrlSuffix => Some(self.url_suffix),
            Reference::AccountId => Some(ACCOUNT_ID),
            Reference::OrganizationGuid
            | Reference::SpaceGuid
            | Reference::AccessKeyId
            | Reference::SecretAccessKey
            | Reference::RoleArn
            | Reference::DatabaseUsername
            | Reference::DatabasePassword
            | Reference::MasterSecretArn => None,
        }
    }
}

/// Returns the longest value of a reference to the instance's owner or to the binding's database
/// user. Platforms use UUIDs.
pub fn of_instance(name: &str) -> Option<&'static str> {
    match Reference::parse(name)? {
        Reference::OrganizationGuid | Reference::SpaceGuid => Some(UUID),
        Reference::DatabaseUsername => Some(DATABASE_USER),
        _ => None,
    }
}

/// Returns the maximum of a length over all partitions.
pub fn in_any_partition(length: impl Fn(&Partition) -> usize) -> usize {
    PARTITIONS.iter().map(length).max().unwrap_or_default()
}

/// A type of resource: its naming property, and the values of `Ref` and `Fn::GetAtt` for it.
pub struct ResourceType {
    kind: &'static str,
    /// Path of the property that names the resource. Empty if AWS generates the name.
    pub name_property: &'static [&'static str],
    /// Maximum length of a name, in characters.
    pub max_name: usize,
    /// Value of `Ref`: text with `${Name}` and pseudo parameters.
    pub reference: &'static str,
    /// Values of `Fn::GetAtt` by attribute: texts as in `reference`.
    pub attributes: &'static [(&'static str, &'static str)],
}

/// Types of resources whose identifiers occur in policies, with the limits of their services' API
/// references.
///
/// Identifiers that AWS generates have the length that AWS gives them: 36 characters for a KMS key,
/// 10 for a Lex bot or its alias, 12 for Bedrock. The name of a bot's alias consists of both ids.
#[rustfmt::skip]
const TYPES: &[ResourceType] = &[
    ResourceType {
        kind: "AWS::Athena::WorkGroup", name_property: &["Name"], max_name: 128,
        reference: "${Name}",
        attributes: &[],
    },
    ResourceType {
        kind: "AWS::Bedrock::ApplicationInferenceProfile", name_property: &[], max_name: 12,
        reference: "arn:${AWS::Partition}:bedrock:${AWS::Region}:${AWS::AccountId}:application-inference-profile/${Name}",
        attributes: &[
            ("InferenceProfileArn", "arn:${AWS::Partition}:bedrock:${AWS::Region}:${AWS::AccountId}:application-inference-profile/${Name}"),
            ("InferenceProfileId", "${Name}"),
        ],
    },
    ResourceType {
        kind: "AWS::Bedrock::Guardrail", name_property: &[], max_name: 12,
        reference: "arn:${AWS::Partition}:bedrock:${AWS::Region}:${AWS::AccountId}:guardrail/${Name}",
        attributes: &[
            ("GuardrailArn", "arn:${AWS::Partition}:bedrock:${AWS::Region}:${AWS::AccountId}:guardrail/${Name}"),
            ("GuardrailId", "${Name}"),
        ],
    },
    ResourceType {
        kind: "AWS::CodeCommit::Repository", name_property: &["RepositoryName"], max_name: 100,
        reference: "${Name}",
        attributes: &[
            ("Arn", "arn:${AWS::Partition}:codecommit:${AWS::Region}:${AWS::AccountId}:${Name}"),
            ("Name", "${Name}"),
        ],
    },
    ResourceType {
        kind: "AWS::Cognito::UserPool", name_property: &[], max_name: 55,
        reference: "${Name}",
        attributes: &[
            ("Arn", "arn:${AWS::Partition}:cognito-idp:${AWS::Region}:${AWS::AccountId}:userpool/${Name}"),
        ],
    },
    ResourceType {
        kind: "AWS::DynamoDB::Table", name_property: &["TableName"], max_name: 255,
        reference: "${Name}",
        attributes: &[
            ("Arn", "arn:${AWS::Partition}:dynamodb:${AWS::Region}:${AWS::AccountId}:table/${Name}"),
        ],
    },
    ResourceType {
        kind: "AWS::Events::Archive", name_property: &["ArchiveName"], max_name: 48,
        reference: "${Name}",
        attributes: &[
            ("Arn", "arn:${AWS::Partition}:events:${AWS::Region}:${AWS::AccountId}:archive/${Name}"),
        ],
    },
    ResourceType {
        kind: "AWS::Events::EventBus", name_property: &["Name"], max_name: 256,
        reference: "${Name}",
        attributes: &[
            ("Arn", "arn:${AWS::Partition}:events:${AWS::Region}:${AWS::AccountId}:event-bus/${Name}"),
            ("Name", "${Name}"),
        ],
    },
    ResourceType {
        kind: "AWS::Glue::Database", name_property: &["DatabaseInput", "Name"], max_name: 255,
        reference: "${Name}",
        attributes: &[],
    },
    ResourceType {
        kind: "AWS::KMS::Key", name_property: &[], max_name: 36,
        reference: "${Name}",
        attributes: &[
            ("Arn", "arn:${AWS::Partition}:kms:${AWS::Region}:${AWS::AccountId}:key/${Name}"),
            ("KeyId", "${Name}"),
        ],
    },
    ResourceType {
        kind: "AWS::Kinesis::Stream", name_property: &["Name"], max_name: 128,
        reference: "${Name}",
        attributes: &[
            ("Arn", "arn:${AWS::Partition}:kinesis:${AWS::Region}:${AWS::AccountId}:stream/${Name}"),
        ],
    },
    ResourceType {
        kind: "AWS::Lex::Bot", name_property: &[], max_name: 10,
        reference: "${Name}",
        attributes: &[
            ("Arn", "arn:${AWS::Partition}:lex:${AWS::Region}:${AWS::AccountId}:bot/${Name}"),
            ("Id", "${Name}"),
        ],
    },
    ResourceType {
        kind: "AWS::Lex::BotAlias", name_property: &[], max_name: 21,
        reference: "${Name}",
        attributes: &[
            ("Arn", "arn:${AWS::Partition}:lex:${AWS::Region}:${AWS::AccountId}:bot-alias/${Name}"),
        ],
    },
    ResourceType {
        kind: "AWS::Location::GeofenceCollection", name_property: &["CollectionName"], max_name: 100,
        reference: "${Name}",
        attributes: &[
            ("CollectionArn", "arn:${AWS::Partition}:geo:${AWS::Region}:${AWS::AccountId}:geofence-collection/${Name}"),
            ("Arn", "arn:${AWS::Partition}:geo:${AWS::Region}:${AWS::AccountId}:geofence-collection/${Name}"),
        ],
    },
    ResourceType {
        kind: "AWS::Location::Tracker", name_property: &["TrackerName"], max_name: 100,
        reference: "${Name}",
        attributes: &[
            ("TrackerArn", "arn:${AWS::Partition}:geo:${AWS::Region}:${AWS::AccountId}:tracker/${Name}"),
            ("Arn", "arn:${AWS::Partition}:geo:${AWS::Region}:${AWS::AccountId}:tracker/${Name}"),
        ],
    },
    ResourceType {
        kind: "AWS::Logs::LogGroup", name_property: &["LogGroupName"], max_name: 512,
        reference: "${Name}",
        attributes: &[
            ("Arn", "arn:${AWS::Partition}:logs:${AWS::Region}:${AWS::AccountId}:log-group:${Name}:*"),
        ],
    },
    // The names of secrets have six random characters at their end.
    ResourceType {
        kind: "AWS::RDS::DBCluster", name_property: &["DBClusterIdentifier"], max_name: 63,
        reference: "${Name}",
        attributes: &[
            ("DBClusterResourceId", "cluster-ABCDEFGHIJKLMNOPQRSTUVWXYZ"),
            ("MasterUserSecret.SecretArn", "arn:${AWS::Partition}:secretsmanager:${AWS::Region}:${AWS::AccountId}:secret:rds!cluster-01234567-89ab-cdef-0123-456789abcdef-012345"),
        ],
    },
    ResourceType {
        kind: "AWS::RDS::DBInstance", name_property: &["DBInstanceIdentifier"], max_name: 63,
        reference: "${Name}",
        attributes: &[
            ("DbiResourceId", "db-ABCDEFGHIJKLMNOPQRSTUVWXYZ"),
            ("MasterUserSecret.SecretArn", "arn:${AWS::Partition}:secretsmanager:${AWS::Region}:${AWS::AccountId}:secret:rds!db-01234567-89ab-cdef-0123-456789abcdef-012345"),
        ],
    },
    ResourceType {
        kind: "AWS::Rekognition::Collection", name_property: &["CollectionId"], max_name: 255,
        reference: "${Name}",
        attributes: &[
            ("Arn", "arn:${AWS::Partition}:rekognition:${AWS::Region}:${AWS::AccountId}:collection/${Name}"),
        ],
    },
    ResourceType {
        kind: "AWS::Route53::HostedZone", name_property: &[], max_name: 32,
        reference: "${Name}",
        attributes: &[
            ("Id", "${Name}"),
        ],
    },
    ResourceType {
        kind: "AWS::S3::Bucket", name_property: &["BucketName"], max_name: 63,
        reference: "${Name}",
        attributes: &[
            ("Arn", "arn:${AWS::Partition}:s3:::${Name}"),
        ],
    },
    ResourceType {
        kind: "AWS::SES::ConfigurationSet", name_property: &["Name"], max_name: 64,
        reference: "${Name}",
        attributes: &[],
    },
    ResourceType {
        kind: "AWS::SES::EmailIdentity", name_property: &["EmailIdentity"], max_name: 320,
        reference: "${Name}",
        attributes: &[],
    },
    ResourceType {
        kind: "AWS::SNS::Topic", name_property: &["TopicName"], max_name: 256,
        reference: "arn:${AWS::Partition}:sns:${AWS::Region}:${AWS::AccountId}:${Name}",
        attributes: &[
            ("TopicArn", "arn:${AWS::Partition}:sns:${AWS::Region}:${AWS::AccountId}:${Name}"),
            ("TopicName", "${Name}"),
        ],
    },
    ResourceType {
        kind: "AWS::SQS::Queue", name_property: &["QueueName"], max_name: 80,
        reference: "https://sqs.${AWS::Region}.${AWS::URLSuffix}/${AWS::AccountId}/${Name}",
        attributes: &[
            ("Arn", "arn:${AWS::Partition}:sqs:${AWS::Region}:${AWS::AccountId}:${Name}"),
            ("QueueName", "${Name}"),
            ("QueueUrl", "https://sqs.${AWS::Region}.${AWS::URLSuffix}/${AWS::AccountId}/${Name}"),
        ],
    },
    ResourceType {
        kind: "AWS::SecretsManager::Secret", name_property: &["Name"], max_name: 512,
        reference: "arn:${AWS::Partition}:secretsmanager:${AWS::Region}:${AWS::AccountId}:secret:${Name}-123456",
        attributes: &[
            ("Id", "arn:${AWS::Partition}:secretsmanager:${AWS::Region}:${AWS::AccountId}:secret:${Name}-123456"),
        ],
    },
    ResourceType {
        kind: "AWS::StepFunctions::Activity", name_property: &["Name"], max_name: 80,
        reference: "arn:${AWS::Partition}:states:${AWS::Region}:${AWS::AccountId}:activity:${Name}",
        attributes: &[
            ("Arn", "arn:${AWS::Partition}:states:${AWS::Region}:${AWS::AccountId}:activity:${Name}"),
            ("Name", "${Name}"),
        ],
    },
    ResourceType {
        kind: "AWS::StepFunctions::StateMachine", name_property: &["StateMachineName"], max_name: 80,
        reference: "arn:${AWS::Partition}:states:${AWS::Region}:${AWS::AccountId}:stateMachine:${Name}",
        attributes: &[
            ("Arn", "arn:${AWS::Partition}:states:${AWS::Region}:${AWS::AccountId}:stateMachine:${Name}"),
            ("Name", "${Name}"),
        ],
    },
];

impl ResourceType {
    /// Returns the type of this name. None if its limits are unknown.
    pub fn find(kind: &str) -> Option<&'static Self> {
        TYPES.iter().find(|known| known.kind == kind)
    }

    /// Returns the path of the property that names the resource. Empty if AWS generates the name.
    pub fn name_property(&self) -> &'static [&'static str] {
        self.name_property
    }

    /// Returns the value of `Fn::GetAtt` for the attribute. None if the attribute is unknown.
    pub fn attribute(&self, name: &str) -> Option<&'static str> {
        self.attributes
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, text)| *text)
    }
}

/// Returns the assumed identifier of a resource of another type. It is an ARN with a type and a
/// name that are longer than real ones.
pub fn unknown_resource(partition: &Partition) -> String {
    let place = format!("{}:{ACCOUNT_ID}", partition.region);
    format!(
        "arn:{}:some-aws-service:{place}:some-type-of-resource/{}",
        partition.name,
        "x".repeat(MAX_NAME)
    )
}

/// Returns the maximum length of a value of the parameter, in characters.
pub fn parameter(parameter: &Parameter) -> usize {
    if parameter.kind == "Number" {
        // Digits of `MaxValue` and a sign. Without `MaxValue`, the longest text of a double.
        return parameter
            .max_value
            .as_ref()
            .and_then(|limit| super::text(limit).ok())
            .map_or(24, |text| text.len() + 1);
    }

    let by_length = parameter
        .max_length
        .as_ref()
        .and_then(|limit| super::text(limit).ok()?.parse().ok())
        .unwrap_or(MAX_PARAMETER);
    let is_list = super::schema::is_list(parameter);
    let by_pattern = parameter
        .allowed_pattern
        .as_deref()
        .filter(|_| !is_list)
        .and_then(pattern);
    by_length.min(by_pattern.unwrap_or(MAX_PARAMETER))
}

/// Returns the maximum length of a match of the pattern. None if it has no limit.
fn pattern(pattern: &str) -> Option<usize> {
    let parsed = regex_syntax::parse(&bounded(pattern)).ok()?;
    parsed.properties().maximum_len()
}

/// Returns the pattern with AWS's limits for parts of ARNs, if the author sets none. A longer key
/// id, for example, belongs to no key, so no stack can be created with it.
/// <https://docs.aws.amazon.com/kms/latest/developerguide/concepts.html#key-id-key-id>
fn bounded(pattern: &str) -> Cow<'_, str> {
    const PARTS: [(&str, &str); 3] = [
        ("arn:aws[a-z-]*:", "arn:[a-z-]{1,10}:"),
        (":[a-z0-9-]+:[0-9]{12}:", ":[a-z0-9-]{1,15}:[0-9]{12}:"),
        (":key/[A-Za-z0-9-]+", ":key/[A-Za-z0-9-]{1,36}"),
    ];
    PARTS
        .iter()
        .fold(Cow::Borrowed(pattern), |pattern, (part, limited)| {
            Cow::Owned(pattern.replace(part, limited))
        })
}
