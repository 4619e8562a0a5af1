//! `SameSpace`, `TaggedBySpace` and `Growing`: parameters whose values depend on what exists.

use super::{Checked, document::Template, fault, known_parameter};
use crate::{
    model::{InstanceReference, List, TaggedResource, Text},
    reference::{self, Reference},
};

/// References that the ARN of a tagged resource may have, besides its parameter.
const REFERENCES: [&str; 3] = [
    Reference::Partition.name(),
    Reference::Region.name(),
    Reference::AccountId.name(),
];

/// Returns the updatable numbers that can only grow.
pub fn growing(template: &Template) -> Checked<List<Text>> {
    let names = template.metadata.specification.value.growing.iter();
    let names = names.map(|name| {
        let parameter =
            known_parameter(template, &name.value).map_err(|reason| fault(name, reason))?;
        if parameter.kind != "Number" {
            return Err(fault(name, format!("`{}` is not a Number", name.value)));
        }
        Ok(Text::from(name.value.clone()))
    });
    names.collect()
}

/// Returns the parameters that name another instance of the space.
pub fn instance_references(template: &Template) -> Checked<List<InstanceReference>> {
    let entries = template.metadata.specification.value.same_space.iter();
    let references = entries.map(|at| {
        let entry = &at.value;
        check_unchangeable(template, &entry.parameter).map_err(|reason| fault(at, reason))?;
        if !template.outputs.contains_key(&entry.output) {
            let reason = format!("`{}` is not an output of the template", entry.output);
            return Err(fault(at, reason));
        }
        Ok(InstanceReference {
            parameter: entry.parameter.clone().into(),
            output: entry.output.clone().into(),
        })
    });
    references.collect()
}

/// Returns the parameters that name a resource with the tag of the space.
pub fn tagged_resources(template: &Template) -> Checked<List<TaggedResource>> {
    let entries = template.metadata.specification.value.tagged_by_space.iter();
    let resources = entries.map(|at| {
        let entry = &at.value;
        check_unchangeable(template, &entry.parameter).map_err(|reason| fault(at, reason))?;

        let names = reference::names(&entry.arn);
        if let Some(name) = names
            .iter()
            .find(|name| **name != entry.parameter && !REFERENCES.contains(name))
        {
            let reason = format!("`${{{name}}}` is neither the parameter nor a place");
            return Err(fault(at, reason));
        }
        Ok(TaggedResource {
            parameter: entry.parameter.clone().into(),
            arn: entry.arn.clone().into(),
        })
    });
    resources.collect()
}

/// Checks that the parameter exists and that an update cannot change it: the broker checks its value
/// when the instance is created.
fn check_unchangeable(template: &Template, name: &str) -> Result<(), String> {
    known_parameter(template, name)?;
    let specification = &template.metadata.specification.value;
    let mut updatable = specification.updatable_parameters.iter();
    if updatable.any(|updatable| updatable.value == name) {
        return Err(format!("`{name}` must not be in UpdatableParameters"));
    }
    Ok(())
}
