//! The creation of a binding's grants.

use super::{
    bindable::check_bindable,
    credentials,
    grants::{self, Context},
    means::Means,
    policy::Policy,
    service_instance::ServiceInstance,
    view::{self, BindingView},
};
use crate::broker::{
    Broker,
    error::{Error, Result},
    ports::WriteOutcome,
    records::{Binding, Instance},
};

/// Resumes a bind operation that no request works on any more, for a poll.
pub async fn resume(broker: &Broker, instance: &Instance, binding: Binding) -> Result<()> {
    check_bindable(broker, instance).await?;
    check_again(broker, instance, &binding).await?;
    let service = ServiceInstance::find(broker, instance)?;
    let policy = service.policy(broker, &binding)?;
    create(broker, &service, binding, policy).await.map(drop)
}

/// Checks that an interrupted binding may still get its grants.
///
/// # Errors
///
/// [`Error::Invalid`] if it may not; the error of a port.
pub async fn check_again(broker: &Broker, instance: &Instance, binding: &Binding) -> Result<()> {
    for grant in grants::kinds(binding) {
        grant.check_again(broker, instance).await?;
    }
    Ok(())
}

/// Creates the grants in the order of the record, then records that the bind operation succeeded.
pub async fn create(
    broker: &Broker,
    service: &ServiceInstance<'_>,
    binding: Binding,
    policy: Option<Policy>,
) -> Result<BindingView> {
    let context = Context {
        broker,
        service,
        binding: &binding,
        policy: policy.as_ref(),
    };

    let (mut created, mut means, mut credentials) = (Vec::new(), Means::default(), None);
    for grant in grants::kinds(&binding) {
        let next = grant.create(&context, &means).await?;
        created.push(next.grant);
        means = means.or(next.means);
        credentials = next.credentials.or(credentials);
    }

    let credentials = match credentials {
        Some(credentials) => credentials,
        None => {
            credentials::of_template(broker, service, &means)
                .await?
                .credentials
        }
    };

    let operation = binding.operation.clone().succeeded();
    let bound = Binding {
        grants: created,
        operation,
        ..binding
    };

    match broker.records.update_binding(&bound).await? {
        WriteOutcome::Done => Ok(view::with_credentials(service, &bound, credentials)),
        WriteOutcome::Conflict => Err(Error::Concurrency),
    }
}
