//! The twin of CloudFormation.

use super::*;

/// A stack as the twin of CloudFormation keeps it.
#[derive(Clone, Debug, PartialEq)]
pub struct FakeStack {
    pub id: String,
    pub status: StackStatus,
    /// Those that were given, without the template's defaults.
    pub parameters: BTreeMap<String, String>,
    pub template_body: String,
    pub policy: Option<String>,
    /// What the running update sets when it succeeds.
    pub(super) next_policy: Option<String>,
    pub tags: Vec<Tag>,
    /// Of the last request that it took.
    pub token: String,
    pub(super) outputs: BTreeMap<String, String>,
    /// The oldest first, with the token of the request that caused it.
    pub(super) events: Vec<(String, StackEvent)>,
    /// What a rollback of the running update restores.
    pub(super) before_update: Option<(String, BTreeMap<String, String>, Vec<Tag>)>,
}

impl FakeStack {
    /// Forgets what has happened to it, as CloudFormation does not show it at once.
    pub fn forget_events(&mut self) {
        self.events.clear();
    }
}

impl FakeStack {
    /// A stack has outputs once it is complete, and keeps them while it is updated.
    pub(super) fn has_outputs(&self) -> bool {
        use StackStatus::{
            CreateFailed, CreateInProgress, RollbackComplete, RollbackFailed, RollbackInProgress,
        };
        let never_complete = [
            CreateInProgress,
            CreateFailed,
            RollbackInProgress,
            RollbackFailed,
            RollbackComplete,
        ];
        !never_complete.contains(&self.status)
    }

    pub(super) fn act(&mut self, act: Act, now: Timestamp) {
        use StackStatus as S;
        let next = match (act, self.status) {
            (Act::CancelUpdate, S::UpdateInProgress)
            | (Act::ContinueRollback, S::UpdateRollbackFailed) => S::UpdateRollbackInProgress,
            (Act::Update, status) if status.can_be_updated() => S::UpdateInProgress,
            (Act::Delete, status) if can_be_deleted(status) => S::DeleteInProgress,
            (Act::Untag, _) => {
                self.tags.clear();
                return;
            }
            _ => return,
        };
        self.token = format!("Console-{act:?}-{}", self.events.len());
        self.reach(next, Some("User Initiated"), now);
    }

    pub(super) fn reach(&mut self, status: StackStatus, reason: Option<&str>, at: Timestamp) {
        use StackStatus as S;

        self.status = status;
        let name = status.to_string();
        let event = StackEvent {
            subject: Subject::Stack,
            status: name,
            reason: reason.map(str::to_owned),
            at,
        };
        self.events.push((self.token.clone(), event));

        match status {
            S::UpdateComplete => {
                self.before_update = None;
                self.policy = self.next_policy.take().or(self.policy.take());
            }
            S::UpdateRollbackComplete => {
                if let Some((template_body, parameters, tags)) = self.before_update.take() {
                    (self.template_body, self.parameters, self.tags) =
                        (template_body, parameters, tags);
                }
            }
            _ => {}
        }
    }

    pub(super) fn events_of(&self, token: &str) -> OperationEvents {
        let is_of_stack = |event: &StackEvent| event.subject == Subject::Stack;
        let last_own = self
            .events
            .iter()
            .rposition(|(of, event)| of == token && is_of_stack(event));

        let own = self
            .events
            .iter()
            .filter(|(of, _)| of == token)
            .map(|(_, event)| event.clone())
            .collect();

        let since = &self.events[last_own.map_or(0, |last| last + 1)..];
        let foreign = since
            .iter()
            .filter(|(of, event)| of != token && is_of_stack(event));
        let mut foreign: Vec<_> = foreign.map(|(_, event)| event.clone()).collect();
        if last_own.is_none() {
            foreign = foreign.pop().into_iter().collect();
        }
        OperationEvents { own, foreign }
    }

    /// What the stack becomes with these parameters; or what CloudFormation has against it.
    pub(super) fn resolve(
        &self,
        update: &UpdatedStack<'_>,
    ) -> Result<(String, BTreeMap<String, String>), String> {
        let template_body = update
            .template_body
            .unwrap_or(&self.template_body)
            .to_owned();
        let known = declared(&template_body, "Parameters");
        let mut parameters = BTreeMap::new();

        for (name, value) in &update.parameters {
            if !known.contains(name) {
                return Err(format!("Parameters: [{name}] do not exist in the template"));
            }

            match value {
                ParameterValue::Given(value) => {
                    drop(parameters.insert(name.clone(), value.clone()))
                }
                ParameterValue::Previous => {
                    if let Some(value) = self.parameters.get(name) {
                        parameters.insert(name.clone(), value.clone());
                    }
                }
            }
        }
        Ok((template_body, parameters))
    }
}

/// CloudFormation does not delete a stack that is being updated, and has one deletion of it at a
/// time.
pub(super) fn can_be_deleted(status: StackStatus) -> bool {
    use StackStatus as S;
    !status.is_in_progress()
        || matches!(
            status,
            S::CreateInProgress | S::RollbackInProgress | S::ReviewInProgress
        )
}

#[async_trait]
impl Stacks for World {
    async fn page(&self, next: Option<String>) -> PortResult<Page<StackSummary>> {
        self.call("stacks.page", |state| {
            let stacks = state
                .account
                .stacks
                .iter()
                .map(|(name, stack)| StackSummary {
                    name: name.clone(),
                    id: stack.id.clone(),
                    status: stack.status.to_string(),
                    instance_id: stack
                        .tags
                        .iter()
                        .find(|tag| tag.key == INSTANCE_ID_TAG)
                        .map(|tag| tag.value.clone()),
                    created_at: stack.events.first().map(|(_, event)| event.at),
                });

            page_of(stacks, next)
        })
        .await
    }

    async fn create(&self, stack: &NewStack<'_>) -> PortResult<StackCreation> {
        let now = self.now();
        self.submit(
            "stacks.create",
            |state| {
                if state.account.stacks.contains_key(stack.name) {
                    return StackCreation::Exists;
                }

                let mut created = FakeStack {
                    // No two stacks are created with one token.
                    id: format!(
                        "arn:aws:cloudformation:us-east-1:000000000000:stack/{}/{}",
                        stack.name, stack.token
                    ),
                    status: StackStatus::CreateInProgress,
                    parameters: given(&stack.parameters),
                    template_body: stack.template_body.to_owned(),
                    policy: Some(stack.stack_policy.to_owned()),
                    next_policy: None,
                    tags: stack.tags.clone(),
                    token: stack.token.to_owned(),
                    outputs: declared_outputs(stack.template_body),
                    events: Vec::new(),
                    before_update: None,
                };

                created.reach(StackStatus::CreateInProgress, Some("User Initiated"), now);
                state.account.stacks.insert(stack.name.to_owned(), created);
                StackCreation::Accepted
            },
            StackCreation::Rejected,
        )
        .await
    }

    async fn update(&self, update: &UpdatedStack<'_>) -> PortResult<StackUpdate> {
        let now = self.now();
        self.submit(
            "stacks.update",
            |state| {
                let Some(stack) = state.account.stack_mut(update.stack) else {
                    return StackUpdate::Rejected(format!(
                        "Stack [{}] does not exist",
                        update.stack
                    ));
                };

                if stack.token == update.token {
                    return StackUpdate::Accepted;
                }
                if !stack.status.can_be_updated() {
                    return StackUpdate::Rejected(format!(
                        "{:?} state and can not be updated",
                        stack.status
                    ));
                }

                let (template_body, parameters) = match stack.resolve(update) {
                    Ok(resolved) => resolved,
                    Err(reason) => return StackUpdate::Rejected(reason),
                };

                let same_parameters = with_defaults(&template_body, &parameters)
                    == with_defaults(&stack.template_body, &stack.parameters);
                if template_body == stack.template_body
                    && same_parameters
                    && stack.tags == update.tags
                {
                    return StackUpdate::NoChange;
                }

                stack.before_update = Some((
                    stack.template_body.clone(),
                    stack.parameters.clone(),
                    stack.tags.clone(),
                ));
                (stack.template_body, stack.parameters) = (template_body, parameters);
                stack.tags = update.tags.clone();
                // A new policy is set only when the update has succeeded.
                stack.next_policy = update.stack_policy.map(str::to_owned);
                stack.token = update.token.to_owned();
                stack.reach(StackStatus::UpdateInProgress, Some("User Initiated"), now);
                StackUpdate::Accepted
            },
            |reason| match reason.as_str() {
                "No updates are to be performed." => StackUpdate::NoChange,
                _ => StackUpdate::Rejected(reason),
            },
        )
        .await
    }

    async fn set_policy(&self, stack: &str, policy: &str) -> PortResult<()> {
        self.call("stacks.set_policy", |state| {
            if let Some(stack) = state.account.stack_mut(stack) {
                stack.policy = Some(policy.to_owned());
            }
        })
        .await
    }

    async fn describe(&self, stack: &str) -> PortResult<Option<Stack>> {
        self.call("stacks.describe", |state| {
            state.account.stack_mut(stack).map(|stack| Stack {
                id: stack.id.clone(),
                status: stack.status,
                parameters: shown(&stack.template_body, &stack.parameters),
                tags: stack
                    .tags
                    .iter()
                    .map(|tag| (tag.key.to_string(), tag.value.clone()))
                    .collect(),
                outputs: if stack.has_outputs() {
                    stack.outputs.clone()
                } else {
                    BTreeMap::new()
                },
            })
        })
        .await
    }

    async fn events(&self, stack: &str, token: &str) -> PortResult<Option<OperationEvents>> {
        self.call("stacks.events", |state| {
            Some(state.account.stack_mut(stack)?.events_of(token))
        })
        .await
    }

    async fn delete(&self, name: &str, token: &str) -> PortResult<StackDeletion> {
        let now = self.now();
        self.submit(
            "stacks.delete",
            |state| {
                let Some(stack) = state.account.stack_mut(name) else {
                    return StackDeletion::Accepted;
                };
                if stack.token == token || stack.status == StackStatus::DeleteInProgress {
                    return StackDeletion::Accepted;
                }

                if !can_be_deleted(stack.status) {
                    let status = stack.status.to_string();
                    return StackDeletion::Rejected(format!(
                        "Stack [{name}] cannot be deleted while in status {status}"
                    ));
                }

                stack.token = token.to_owned();
                stack.reach(StackStatus::DeleteInProgress, Some("User Initiated"), now);
                StackDeletion::Accepted
            },
            StackDeletion::Rejected,
        )
        .await
    }
}

pub(super) fn given(parameters: &BTreeMap<String, ParameterValue>) -> BTreeMap<String, String> {
    let given = parameters.iter().filter_map(|(name, value)| match value {
        ParameterValue::Given(value) => Some((name.clone(), value.clone())),
        ParameterValue::Previous => None,
    });
    given.collect()
}

/// A template's section, by name.
pub(super) fn section(template_body: &str, section: &str) -> serde_json::Map<String, Value> {
    // Reading one takes longer than all else that a test does.
    static READ: LazyLock<Mutex<HashMap<String, Value>>> = LazyLock::new(Default::default);
    let mut read = READ
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    let template = read
        .entry(template_body.to_owned())
        .or_insert_with(|| serde_saphyr::from_str(template_body).expect("a template"));
    template[section].as_object().cloned().unwrap_or_default()
}

/// The names in a section of a template.
pub(super) fn declared(template_body: &str, name: &str) -> Vec<String> {
    section(template_body, name).keys().cloned().collect()
}

/// The parameters as CloudFormation describes them: with the defaults, and without the secret ones.
pub(super) fn shown(
    template_body: &str,
    parameters: &BTreeMap<String, String>,
) -> BTreeMap<String, String> {
    let declared = section(template_body, "Parameters");
    let is_secret = |name: &String| {
        declared
            .get(name)
            .is_some_and(|parameter| parameter["NoEcho"] == true)
    };
    let mut shown = with_defaults(template_body, parameters);
    shown
        .iter_mut()
        .filter(|(name, _)| is_secret(name))
        .for_each(|(_, value)| *value = "****".into());
    shown
}

/// These parameters with the template's defaults below them.
pub(super) fn with_defaults(
    template_body: &str,
    parameters: &BTreeMap<String, String>,
) -> BTreeMap<String, String> {
    let defaults =
        section(template_body, "Parameters")
            .into_iter()
            .filter_map(|(name, parameter)| {
                let text = match parameter.get("Default")? {
                    Value::String(text) => text.clone(),
                    other => other.to_string(),
                };
                Some((name, text))
            });
    defaults.chain(parameters.clone()).collect()
}

/// Every output that the template declares, with a value that names it.
pub(super) fn declared_outputs(template_body: &str) -> BTreeMap<String, String> {
    declared(template_body, "Outputs")
        .into_iter()
        .map(|name| (name.clone(), format!("the-{name}")))
        .collect()
}
