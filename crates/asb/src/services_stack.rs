//! `infra/services.yaml`: a deploy role and a permissions boundary for every service.

use std::fmt::Write;

use anyhow::{Result, bail};
use catalog::compiler::{
    Inspection, OperatorSetting, Statement,
    longest::{MAX_MANAGED_POLICY, NAME_PREFIX, Partition, in_any_partition},
};

use crate::{
    policy_yaml::{conditional, longest, statement},
    settings,
};

/// The parts of the file that do not depend on the services.
const HEAD: &str = include_str!("../services_stack/head.yaml");

/// IAM's limit of all inline policies of a role, in characters without white space.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html#reference_iam-quotas-entity-length>
const MAX_ROLE_POLICY: usize = 10_240;
/// IAM's limit of a role's name, in characters; same page.
const MAX_ROLE_NAME: usize = 64;
/// Maximum length of the parameter `RoleSuffix`, in characters.
const MAX_SUFFIX: usize = 9;

/// Returns the text of the file.
///
/// # Errors
///
/// Fails if a policy or a name would be longer than IAM allows.
pub fn render(services: &[Inspection]) -> Result<String> {
    let settings = settings::of_iam(services)?;
    let mut yaml = HEAD.to_owned();
    yaml.push_str(&service_names(services));
    yaml.push_str("    ConstraintDescription: Names of services in the catalog.\n");
    yaml.push_str(&settings::parameters(&settings));

    yaml.push_str("\nConditions:\n");
    yaml.push_str(&conditions(services, &settings));

    yaml.push_str("\nResources:\n");
    let resources: Vec<_> = services
        .iter()
        .map(|service| resources(service, &settings))
        .collect::<Result<_>>()?;
    yaml.push_str(&resources.concat());
    Ok(yaml)
}

/// Returns the `AllowedPattern` of the parameter `EnabledServices`. It matches the whole list and
/// each of its members, because either may be tested.
pub fn service_names(services: &[Inspection]) -> String {
    let names: Vec<_> = services
        .iter()
        .map(|service| &*service.offering.name)
        .collect();
    let name = format!("({})", names.join("|"));
    format!("    AllowedPattern: \"({name}( *, *{name})*)?\"\n")
}

/// Returns the conditions of services and settings.
///
/// A service is offered if the parameter `EnabledServices` contains it or is empty. A setting
/// allows something if it has an entry.
fn conditions(services: &[Inspection], settings: &[&OperatorSetting]) -> String {
    let mut yaml = String::new();
    let list = r#"!Join ["", [",", !Join [",", !Ref EnabledServices], ","]]"#;
    let _ = writeln!(
        yaml,
        "  OffersAll: !Equals [!Join [\",\", !Ref EnabledServices], \"\"]"
    );

    for service in services {
        let name = &service.offering.name;
        let condition = offers(name);
        // The text before the name differs from the whole list only if the list contains the name.
        let _ = writeln!(
            yaml,
            "  {condition}: !Or
    - !Condition OffersAll
    - !Not
      - !Equals
        - {list}
        - !Select [0, !Split [\",{name},\", {list}]]"
        );
    }

    let allowing = settings::lines(settings, |name| {
        format!("  {}: !Not [!Equals [!Ref {name}, \"\"]]", allows(name))
    });
    yaml + &allowing
}

/// Returns the role of a service, and the boundary if its bindings have identities.
fn resources(service: &Inspection, settings: &[&OperatorSetting]) -> Result<String> {
    let name = &*service.offering.name;
    let permissions = &service.permissions;
    check_name(name)?;
    check_length(name, "DeployPolicy", &permissions.deploy, MAX_ROLE_POLICY)?;
    check_length(
        name,
        "Bindings.Boundary",
        &permissions.boundary,
        MAX_MANAGED_POLICY,
    )?;

    let mut yaml = deploy_role(name, &permissions.deploy);
    yaml.push_str(&deploy_policy(&permissions.deploy, settings));
    if !permissions.boundary.is_empty() {
        yaml.push_str(&permissions_boundary(name, &permissions.boundary));
    }
    Ok(yaml)
}

/// Returns the role that CloudFormation assumes. Every stack needs one, even if its resources need
/// no permission.
fn deploy_role(service: &str, statements: &[Statement]) -> String {
    format!(
        "
  {}DeployRole:
    Type: AWS::IAM::Role
    Condition: {}
{}    Properties:
      Path: !Sub /service-broker/${{NamePrefix}}/
      RoleName: !Sub {}
      Description: !Sub ${{AWS::StackName}} - what CloudFormation may do in stacks of {service}
      Tags:
        - {{ Key: servicebroker:deploys, Value: !Ref NamePrefix }}
      AssumeRolePolicyDocument:
        Version: \"2012-10-17\"
        Statement:
          - Effect: Allow
            Principal: {{ Service: cloudformation.amazonaws.com }}
            Action: sts:AssumeRole
            Condition:
              StringEqualsIfExists:
                aws:SourceAccount: !Ref AWS::AccountId
              ArnLikeIfExists:
                aws:SourceArn: !Sub arn:${{AWS::Partition}}:cloudformation:${{AWS::Region}}:${{AWS::AccountId}}:stack/${{NamePrefix}}-*
",
        logical_id(service),
        offers(service),
        metadata(statements),
        resource_name(service),
    )
}

/// Returns the policy of a deploy role, empty without statements.
fn deploy_policy(statements: &[Statement], settings: &[&OperatorSetting]) -> String {
    if statements.is_empty() {
        return String::new();
    }

    let mut yaml = String::from(
        "      Policies:
        - PolicyName: deploy
          PolicyDocument:
            Version: \"2012-10-17\"
            Statement:
",
    );
    for one in statements {
        let conditions: Vec<_> = settings
            .iter()
            .filter(|setting| settings::refers_to(one, setting))
            .map(|setting| allows(&setting.name))
            .collect();
        yaml.push_str(&conditional(&conditions, one, "              "));
    }
    yaml
}

/// Returns the reason why a statement of a role is about everything, for the scan of templates.
fn metadata(statements: &[Statement]) -> &'static str {
    let is_about_everything = statements
        .iter()
        .any(|statement| statement.resources.iter().any(|resource| resource == "*"));
    if !is_about_everything {
        return "";
    }
    "    Metadata:
      checkov:
        skip:
          - id: CKV_AWS_111
            comment: Of these actions, IAM knows no resource.
"
}

/// Returns the boundary, which exists whether or not the service is offered: bindings of a service
/// that is no longer offered still have it, and IAM deletes no policy that is in use.
fn permissions_boundary(service: &str, statements: &[Statement]) -> String {
    let mut yaml = format!(
        "
  {}Boundary:
    Type: AWS::IAM::ManagedPolicy
    # A conditional DependsOn: it is deleted first, and not while it is in use. The role then stays, too.
    # https://cloudonaut.io/optional-dependson-with-cloudformation-metadata-to-the-rescue
    Metadata: {{ After: !If [{}, !Ref {}DeployRole, !Ref AWS::NoValue] }}
    Properties:
      Path: !Sub /service-broker/${{NamePrefix}}/
      ManagedPolicyName: !Sub {}
      Description: The most that the credentials of a binding of {service} can be worth
      PolicyDocument:
        Version: \"2012-10-17\"
        Statement:
",
        logical_id(service),
        offers(service),
        logical_id(service),
        resource_name(service),
    );

    for one in statements {
        yaml.push_str(&statement(one, "          "));
    }
    yaml
}

fn check_length(service: &str, key: &str, statements: &[Statement], allowed: usize) -> Result<()> {
    let length = longest(statements);
    if length > allowed {
        bail!("the {key} of `{service}` may have {length} characters; IAM allows {allowed}");
    }
    Ok(())
}

fn check_name(service: &str) -> Result<()> {
    let length = in_any_partition(|Partition { region, .. }| {
        format!("{NAME_PREFIX}.{service}.{region}").len() + MAX_SUFFIX
    });
    if length > MAX_ROLE_NAME {
        bail!(
            "the name `{service}` is too long: its role's name may have {length} characters; IAM \
             allows {MAX_ROLE_NAME}"
        );
    }
    Ok(())
}

/// Returns the name of a service's role and boundary. A dot is the separator, so the service's name
/// has hyphens only, as in the names of its stacks.
fn resource_name(service: &str) -> String {
    format!(
        "${{NamePrefix}}.{}.${{AWS::Region}}${{RoleSuffix}}",
        service.replace('.', "-")
    )
}

/// Returns the name of the condition that a setting has an entry.
fn allows(setting: &str) -> String {
    format!("Allows{setting}")
}

/// Returns the name of the condition that a service is offered.
fn offers(service: &str) -> String {
    format!("Offers{}", logical_id(service))
}

/// Returns the service's name as a part of logical ids: `my-service` → `MyService`.
fn logical_id(service: &str) -> String {
    let words = service.split(['-', '.']).map(|word| {
        let mut characters = word.chars();
        let first = characters.next().into_iter().flat_map(char::to_uppercase);
        first.chain(characters).collect::<String>()
    });
    words.collect()
}
