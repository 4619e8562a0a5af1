//! The twin of the broker's table.

use super::*;

pub(super) fn has_to_stay(
    expires_at: Option<Timestamp>,
    lifetime: SignedDuration,
    now: Timestamp,
) -> bool {
    expires_at.is_none_or(|expires_at| expires_at > latest_reusable_expiry(lifetime, now))
}

pub(super) fn is_current(expires_at: Option<Timestamp>, now: Timestamp) -> bool {
    expires_at.is_none_or(|expires_at| now < expires_at)
}

#[async_trait]
impl Records for World {
    async fn page(&self, next: Option<String>) -> PortResult<Page<ScannedRecord>> {
        self.call("records.page", |state| {
            let Account {
                instances,
                bindings,
                unreadable,
                ..
            } = &state.account;

            let instances = instances
                .values()
                .cloned()
                .map(|instance| ScannedRecord::Instance(Box::new(instance)));
            let bindings = bindings
                .values()
                .cloned()
                .map(|binding| ScannedRecord::Binding(Box::new(binding)));
            let unreadable = unreadable.iter().cloned().map(ScannedRecord::Unreadable);

            page_of(instances.chain(bindings).chain(unreadable), next)
        })
        .await
    }

    async fn insert_instance(
        &self,
        instance: &Instance,
        now: Timestamp,
    ) -> PortResult<Option<Instance>> {
        self.call("records.insert_instance", |state| {
            let existing = state.account.instances.get(&instance.id).cloned();
            if existing
                .as_ref()
                .is_none_or(|existing| existing.gives_way_to(&instance.attributes, now))
            {
                state
                    .account
                    .instances
                    .insert(instance.id.clone(), instance.clone());
            }
            existing
        })
        .await
    }

    async fn instance(&self, id: &InstanceId, now: Timestamp) -> PortResult<Option<Instance>> {
        self.call("records.instance", |state| {
            state
                .account
                .instances
                .get(id)
                .filter(|instance| is_current(instance.expires_at, now))
                .cloned()
        })
        .await
    }

    async fn count_instances(&self, owner_guid: &str) -> PortResult<usize> {
        self.call("records.count_instances", |state| {
            let instances = state
                .account
                .instances
                .values()
                .filter(|instance| !instance.is_tombstone());
            instances
                .filter(|instance| instance.attributes.quota_owner() == owner_guid)
                .count()
        })
        .await
    }

    async fn update_instance(&self, instance: &Instance) -> PortResult<WriteOutcome> {
        self.call("records.update_instance", |state| {
            match state.account.instances.get_mut(&instance.id) {
                Some(stored) if stored.version == instance.version => {
                    *stored = instance.clone().next_version();
                    WriteOutcome::Done
                }
                _ => WriteOutcome::Conflict,
            }
        })
        .await
    }

    async fn delete_instance(&self, instance: &Instance) -> PortResult<WriteOutcome> {
        self.call("records.delete_instance", |state| {
            let differs = |stored: &Instance| {
                (stored.version, &stored.operation.id) != (instance.version, &instance.operation.id)
            };

            if state
                .account
                .instances
                .get(&instance.id)
                .is_some_and(differs)
            {
                return WriteOutcome::Conflict;
            }

            state.account.instances.remove(&instance.id);
            WriteOutcome::Done
        })
        .await
    }

    async fn begin_deprovision(
        &self,
        id: &InstanceId,
        service_id: &str,
        operation: &Operation,
    ) -> PortResult<Option<Instance>> {
        self.call("records.begin_deprovision", |state| {
            let instance = state.account.instances.get_mut(id)?;
            let is_meant = instance.attributes.service_id == *service_id;
            let deleting = instance.operation.kind == OperationKind::Deprovision
                && instance.operation.state != OperationState::Failed;

            if is_meant && !deleting && !instance.is_updating() {
                instance.previous_operation = Some(std::mem::replace(
                    &mut instance.operation,
                    operation.clone(),
                ));
                instance.update = None;
                instance.version += 1;
            }
            Some(instance.clone())
        })
        .await
    }

    async fn remember_refused(&self, id: &InstanceId, refused: &Refused) -> PortResult<()> {
        self.call("records.remember_refused", |state| {
            let key = (id.clone(), refused.requester.as_str().to_owned());
            state.account.refused.insert(key, refused.expires_at);
        })
        .await
    }

    async fn forget_refused(&self, id: &InstanceId, requester: &Requester) -> PortResult<()> {
        self.call("records.forget_refused", |state| {
            state
                .account
                .refused
                .remove(&(id.clone(), requester.as_str().to_owned()));
        })
        .await
    }

    async fn is_refused(
        &self,
        id: &InstanceId,
        requester: &Requester,
        now: Timestamp,
    ) -> PortResult<bool> {
        self.call("records.is_refused", |state| {
            let expires_at = state
                .account
                .refused
                .get(&(id.clone(), requester.as_str().to_owned()));
            expires_at.is_some_and(|expires_at| *expires_at > now)
        })
        .await
    }

    async fn bindings(&self, id: &InstanceId) -> PortResult<Vec<Binding>> {
        self.call("records.bindings", |state| {
            state
                .account
                .bindings
                .values()
                .filter(|binding| binding.instance_id == *id)
                .cloned()
                .collect()
        })
        .await
    }

    async fn instance_and_binding(
        &self,
        id: &InstanceId,
        binding_id: &BindingId,
        now: Timestamp,
    ) -> PortResult<(Option<Instance>, Option<Binding>)> {
        self.call("records.instance_and_binding", |state| {
            let instance = state
                .account
                .instances
                .get(id)
                .filter(|instance| is_current(instance.expires_at, now))
                .cloned();
            let binding = state
                .account
                .bindings
                .get(&(id.clone(), binding_id.clone()));

            (
                instance,
                binding
                    .filter(|binding| is_current(binding.expires_at, now))
                    .cloned(),
            )
        })
        .await
    }

    async fn insert_binding(
        &self,
        instance: &Instance,
        binding: &Binding,
        now: Timestamp,
    ) -> PortResult<BindingInsertion> {
        self.call("records.insert_binding", |state| {
            let key = (instance.id.clone(), binding.id.clone());
            if let Some(existing) = state.account.bindings.get(&key).filter(|existing| {
                has_to_stay(existing.expires_at, BINDING_TOMBSTONE_LIFETIME, now)
            }) {
                return BindingInsertion::Exists(Box::new(existing.clone()));
            }

            if state
                .account
                .instances
                .get(&instance.id)
                .is_none_or(|stored| stored.version != instance.version)
            {
                return BindingInsertion::InstanceChanged;
            }

            state.account.bindings.insert(key, binding.clone());
            BindingInsertion::Done
        })
        .await
    }

    async fn update_binding(&self, binding: &Binding) -> PortResult<WriteOutcome> {
        self.call("records.update_binding", |state| {
            match state
                .account
                .bindings
                .get_mut(&(binding.instance_id.clone(), binding.id.clone()))
            {
                Some(stored) if stored.version == binding.version => {
                    *stored = binding.clone().next_version();
                    WriteOutcome::Done
                }
                _ => WriteOutcome::Conflict,
            }
        })
        .await
    }

    async fn begin_unbind(
        &self,
        instance_id: &InstanceId,
        binding_id: &BindingId,
        service_id: &str,
        operation: &Operation,
    ) -> PortResult<Option<Binding>> {
        self.call("records.begin_unbind", |state| {
            let binding = state
                .account
                .bindings
                .get_mut(&(instance_id.clone(), binding_id.clone()))?;

            let current = &binding.operation;
            let busy = match current.kind {
                OperationKind::Unbind => current.state != OperationState::Failed,
                _ => current.may_be_running(operation.started_at),
            };

            if !busy && binding.service_id == *service_id {
                binding.previous_operation =
                    Some(std::mem::replace(&mut binding.operation, operation.clone()));
                binding.version += 1;
            }
            Some(binding.clone())
        })
        .await
    }
}
