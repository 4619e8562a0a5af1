//! CloudFormation's notifications about stacks.

use super::engine;
use crate::broker::{Broker, error::Result, observation};

/// Looks up the state of this stack's instance, as a poll would. AWS has reported that the
/// stack has changed. The report may be out of date, so it is only a reason to look.
///
/// # Errors
///
/// The error of a port. The same report can be handled again.
pub async fn stack_changed(broker: &Broker, stack_name: &str) -> Result<()> {
    let Some(id) = broker.naming.instance(stack_name) else {
        return Ok(());
    };

    let instance = broker
        .records
        .instance(&id, broker.environment.now())
        .await?;
    let instance = instance
        .filter(|instance| instance.stack_name == stack_name && instance.location.is_none());
    let Some(instance) = instance else {
        return Ok(());
    };

    observation::observe(broker, &instance.attributes);
    let (instance, _) = engine::advance(broker, instance).await?;
    observation::observe_running(broker, &instance.operation);
    Ok(())
}
