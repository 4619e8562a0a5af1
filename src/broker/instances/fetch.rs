//! `GET /v2/service_instances/:instance_id`

use super::{
    engine,
    view::{self, InstanceView},
};
use crate::{
    broker::{
        Broker,
        error::{Error, Result},
        records::{Attributes, InstanceId, Location},
    },
    osb::{NonEmpty, Object},
};

/// An instance, as a platform reads it.
#[derive(Clone, Debug, PartialEq)]
pub struct FetchedInstance {
    /// The id of the service offering.
    pub service_id: NonEmpty,
    /// The id of the plan.
    pub plan_id: NonEmpty,
    /// The user's parameters, including the location and excluding secret ones. The operator's
    /// values replace the user's where they win.
    pub parameters: Object,
    /// The version of the stack's template; absent if the template has none.
    pub template_version: Option<String>,
    /// The dashboard URL and the metadata.
    pub view: InstanceView,
}

/// Returns the instance, once it is created and until it is deleted.
///
/// # Errors
///
/// - [`Error::NotFound`] if the instance does not exist, or is still being created.
/// - [`Error::Concurrency`] during an update, between the old attributes and the new ones.
/// - The error of a port.
pub async fn fetch(broker: &Broker, id: &InstanceId) -> Result<FetchedInstance> {
    let instance = engine::find_current_instance(broker, id).await?;
    if instance.is_updating() {
        return Err(Error::Concurrency);
    }
    if !instance.exists() {
        return Err(Error::instance_not_found());
    }

    let view = view::view(broker, &instance);
    let overrides = overrides_for_user(broker, &instance.attributes);
    let mut parameters = instance.attributes.parameters.0;
    parameters.extend(instance.location.iter().flat_map(Location::parameters));
    parameters.extend(overrides);
    Ok(FetchedInstance {
        service_id: instance.attributes.service_id,
        plan_id: instance.attributes.plan_id,
        parameters,
        template_version: instance.attributes.template_version,
        view,
    })
}

/// Returns the operator's values of parameters that users could set.
fn overrides_for_user(broker: &Broker, attributes: &Attributes) -> Object {
    let offered = broker
        .catalog
        .find(&attributes.service_id, &attributes.plan_id);
    let Ok(offered) = offered else {
        return Object::new();
    };
    let shown = attributes.overrides.iter();
    shown
        .filter(|(name, _)| offered.takes(name))
        .map(|(name, it)| (name.clone(), offered.shown(name, &it.value)))
        .collect()
}
