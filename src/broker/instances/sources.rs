//! The sources of a new instance: an instance or a backup that its parameters name.
//!
//! Naming a thing gives no right to it. The source is another instance of the same space, or a
//! resource that its owner has tagged with the GUID of the space.

use std::collections::BTreeMap;

use catalog::{
    Offered,
    model::{InstanceReference, TaggedResource},
    reference,
};

use crate::broker::{
    Broker, Place,
    error::{Error, Result},
    records::{Attributes, InstanceId, Location, SPACE_TAG},
};

/// Returns the names, in AWS, of the instances that the parameters refer to, by the instances' ids.
///
/// # Errors
///
/// [`Error::Invalid`] for a source that does not exist, or that is not one of the space; the error
/// of a port.
pub async fn resolve(
    broker: &Broker,
    offered: &Offered<'_>,
    attributes: &Attributes,
    location: Option<&Location>,
) -> Result<BTreeMap<String, String>> {
    for resource in offered.offering.tagged_resources.iter() {
        if let Some(name) = given(attributes, &resource.parameter) {
            check_tag(broker, resource, name, attributes, location).await?;
        }
    }

    let mut references = BTreeMap::new();
    for reference in offered.offering.instance_references.iter() {
        if let Some(id) = given(attributes, &reference.parameter) {
            let value = output_of_source(broker, reference, id, attributes, location).await?;
            references.insert(id.to_owned(), value);
        }
    }
    Ok(references)
}

/// The user's value of a parameter, unless it is empty.
fn given<'a>(attributes: &'a Attributes, parameter: &str) -> Option<&'a str> {
    let value = attributes.parameters.0.get(parameter)?;
    value.as_str().filter(|value| !value.is_empty())
}

/// Returns the output of the instance with this id.
async fn output_of_source(
    broker: &Broker,
    InstanceReference { parameter, output }: &InstanceReference,
    id: &str,
    attributes: &Attributes,
    location: Option<&Location>,
) -> Result<String> {
    let id = InstanceId::new(id)?;
    let source = broker
        .records
        .instance(&id, broker.environment.now())
        .await?;

    // One text for all cases: an id must not tell of the instances of others.
    let source = source.filter(|source| {
        source.exists()
            && source.attributes.same_owner(attributes)
            && source.attributes.service_id == attributes.service_id
            && source.location.as_ref() == location
    });
    let value = source.and_then(|source| source.outputs.get(&**output).cloned());
    value.ok_or_else(|| {
        Error::Invalid(format!(
            "`{parameter}` must be the id of an existing instance of this service, in the same \
             space and location."
        ))
    })
}

/// Checks that the resource has the tag of the instance's space.
async fn check_tag(
    broker: &Broker,
    TaggedResource { parameter, arn }: &TaggedResource,
    name: &str,
    attributes: &Attributes,
    location: Option<&Location>,
) -> Result<()> {
    let Place {
        account_id,
        region,
        partition,
    } = broker.place_of(location);
    let arn = reference::render(arn, |reference| {
        Some(match reference {
            "AWS::Partition" => &*partition,
            "AWS::Region" => &region,
            "AWS::AccountId" => &account_id,
            _ => name,
        })
    });
    let arn = arn.ok_or_else(|| Error::Corrupt(format!("no ARN of `{parameter}`")))?;

    let resources = broker.ports_at(location).await.resources;
    let tags = resources.tags(&arn).await?;
    if tags
        .get(SPACE_TAG)
        .is_some_and(|guid| *guid == *attributes.space_guid)
    {
        return Ok(());
    }
    Err(Error::Invalid(format!(
        "`{parameter}` must name a resource that has the tag {SPACE_TAG} with the value {}, the \
         GUID of this space. Have its owner add the tag; AWS may take a minute to report it.",
        &*attributes.space_guid
    )))
}
