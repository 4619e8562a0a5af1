//! [`Records`] with DynamoDB: one table, one partition per instance.
//!
//! | `pk`            | `sk`              | holds                    |
//! |-----------------|-------------------|--------------------------|
//! | `INSTANCE#<id>` | `META`            | an [`Instance`]          |
//! | `INSTANCE#<id>` | `BINDING#<id>`    | a [`Binding`]            |
//! | `INSTANCE#<id>` | `REFUSED#<user>`  | a [`Refused`]            |
//!
//! The partition of overrides is described in `src/aws/override_records.rs`.
//!
//! Instances and bindings have the attributes `schema` and `version`. `schema` is the number of the
//! item's shape; writes are conditional on `version`. `expires_at` is the table's TTL attribute.
//! DynamoDB takes days to delete expired items, so reads check it, too.

use std::{collections::HashMap, sync::OnceLock};

use async_trait::async_trait;
use aws_config::SdkConfig;
use aws_runtime::retries::classifiers::AwsErrorCodeClassifier;
use aws_sdk_dynamodb::{
    Client, Config, config,
    error::{BuildError, ProvideErrorMetadata, SdkError},
    operation::{
        put_item::PutItemError,
        transact_write_items::TransactWriteItemsError,
        update_item::{UpdateItemError, UpdateItemOutput, builders::UpdateItemFluentBuilder},
    },
    types::{
        AttributeValue, CancellationReason, ConditionCheck, KeysAndAttributes, Put, ReturnValue,
        ReturnValuesOnConditionCheckFailure, Select, TransactWriteItem,
    },
};
use catalog::OVERRIDES;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

mod shapes;

use self::shapes::Shape;
use super::error::Service;
use crate::broker::{
    ports::{
        BindingInsertion, Page, PortError, PortResult, Records, ScannedRecord, UnreadableRecord,
        WriteOutcome,
    },
    records::{
        BINDING_TOMBSTONE_LIFETIME, Binding, BindingId, INSTANCE_TOMBSTONE_LIFETIME, Instance,
        InstanceId, LONGEST_REQUEST, Operation, OperationKind, OperationState, Refused, Requester,
        latest_reusable_expiry,
    },
};

const SERVICE: Service = Service("DynamoDB");
/// The sort key of an instance's own item.
const META: &str = "META";
/// Prefix of the sort key of a binding's item.
const BINDING: &str = "BINDING#";
/// Prefix of the sort key of the item of a refused user.
const REFUSED: &str = "REFUSED#";
/// The index of instances by organization. `infra/template.yaml` creates it.
const BY_ORGANIZATION: &str = "by-organization";
/// The attribute that distinguishes a write from one with otherwise equal contents.
const WRITE: &str = "write";
/// The attributes that hold the name of a stack, user or role.
const NAMES: [&str; 3] = ["stack_name", "user_name", "role_name"];
/// The maximum number of calls to read one batch. DynamoDB may leave out a part of it.
const BATCH_ATTEMPTS: usize = 3;

/// The maximum number of attempts of one request to insert a binding.
const TRANSACTION_ATTEMPTS: usize = 4;

type Item = HashMap<String, AttributeValue>;

/// A record with its key.
#[derive(Serialize, Deserialize)]
struct Stored<R> {
    pk: String,
    sk: String,
    /// The key in the index [`BY_ORGANIZATION`]. Only instances that count towards a quota have
    /// one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    organization: Option<String>,
    schema: u32,
    #[serde(flatten)]
    record: R,
}

/// The broker's table.
pub struct DynamoDb {
    config: SdkConfig,
    client: OnceLock<Client>,
    table: String,
}

impl DynamoDb {
    /// Creates the adapter for the table of this name.
    pub fn new(config: &SdkConfig, table: impl Into<String>) -> Self {
        Self {
            config: config.clone(),
            client: OnceLock::new(),
            table: table.into(),
        }
    }

    pub(super) fn table(&self) -> &str {
        &self.table
    }

    pub(super) fn client(&self) -> &Client {
        self.client.get_or_init(|| Client::new(&self.config))
    }

    /// Replaces an item if its version is still `version`. If an answer is lost, the SDK sends the
    /// request again. The condition then fails on the request's own write, which its `write`
    /// attribute identifies.
    async fn replace(&self, mut item: Item, version: u64) -> PortResult<WriteOutcome> {
        item.insert(WRITE.into(), string(Uuid::new_v4().to_string()));
        let put = self
            .client()
            .put_item()
            .table_name(&self.table)
            .set_item(Some(item.clone()))
            .condition_expression("version = :version")
            .expression_attribute_values(":version", number(version))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .customize()
            .config_override(waiting_for_transactions::<PutItemError>())
            .send()
            .await;

        let Err(error) = put else {
            return Ok(WriteOutcome::Done);
        };

        match error.as_service_error() {
            Some(PutItemError::ConditionalCheckFailedException(failed)) => {
                Ok(if failed.item() == Some(&item) {
                    WriteOutcome::Done
                } else {
                    WriteOutcome::Conflict
                })
            }
            _ => Err(SERVICE.failed("PutItem")(error)),
        }
    }

    /// Builds the write of an intent, which needs no read before it. It puts an operation into an
    /// item and keeps the previous one. The caller sets the condition, in which `#operation`,
    /// `#state` and `#schema` are defined.
    fn begin<R: Shape>(
        &self,
        key: Item,
        operation: &Operation,
    ) -> PortResult<UpdateItemFluentBuilder> {
        Ok(self
            .client()
            .update_item()
            .table_name(&self.table)
            .set_key(Some(key))
            .update_expression(
                "SET previous_operation = #operation, #operation = :operation, version = version \
                 + :one REMOVE #update",
            )
            .expression_attribute_names("#update", "update")
            .expression_attribute_names("#schema", "schema")
            .expression_attribute_names("#operation", "operation")
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(":operation", attribute(operation)?)
            .expression_attribute_values(":one", number(1))
            .expression_attribute_values(":oldest_schema", number(R::VERSIONS.start()))
            .expression_attribute_values(":newest_schema", number(R::VERSIONS.end()))
            .return_values(ReturnValue::AllNew)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld))
    }

    /// Attempts to insert the binding once. Returns `None` if another transaction was in the way.
    async fn try_insert_binding(
        &self,
        instance: &Instance,
        binding: &Binding,
        now: Timestamp,
    ) -> PortResult<Option<BindingInsertion>> {
        let unchanged = ConditionCheck::builder()
            .table_name(&self.table)
            .set_key(Some(instance_key(&instance.id)))
            .condition_expression("version = :version")
            .expression_attribute_values(":version", number(instance.version))
            .build();
        let put = Put::builder()
            .table_name(&self.table)
            .set_item(Some(binding_item(binding)?))
            .condition_expression("attribute_not_exists(pk) OR expires_at <= :reusable")
            .expression_attribute_values(":reusable", reusable(BINDING_TOMBSTONE_LIFETIME, now))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .build();

        let written = self
            .client()
            .transact_write_items()
            .transact_items(
                TransactWriteItem::builder()
                    .condition_check(unchanged.map_err(incomplete_insertion)?)
                    .build(),
            )
            .transact_items(
                TransactWriteItem::builder()
                    .put(put.map_err(incomplete_insertion)?)
                    .build(),
            )
            .send()
            .await;

        match written {
            Ok(_) => Ok(Some(BindingInsertion::Done)),
            Err(error) => why_not_inserted(error),
        }
    }
}

/// Returns the error of a transaction that the SDK cannot build.
fn incomplete_insertion(error: BuildError) -> PortError {
    SERVICE.unexpected("TransactWriteItems", error)
}

/// Returns the reason why a transaction that inserts a binding was cancelled; `None` if another
/// transaction was in the way.
fn why_not_inserted(
    error: SdkError<TransactWriteItemsError>,
) -> PortResult<Option<BindingInsertion>> {
    let Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) =
        error.as_service_error()
    else {
        return Err(SERVICE.failed("TransactWriteItems")(error));
    };

    // The reasons have the order of the items.
    match cancelled.cancellation_reasons() {
        [_, exists] if failed_with(exists, "ConditionalCheckFailed") => {
            let existing = record(exists.item().cloned().unwrap_or_default())?;
            Ok(Some(BindingInsertion::Exists(Box::new(existing))))
        }
        [changed, _] if failed_with(changed, "ConditionalCheckFailed") => {
            Ok(Some(BindingInsertion::InstanceChanged))
        }
        reasons
            if reasons
                .iter()
                .any(|reason| failed_with(reason, "TransactionConflict")) =>
        {
            Ok(None)
        }
        reasons if reasons.iter().any(is_throttled) => Err(SERVICE.throttled(
            "TransactWriteItems",
            "a part of the transaction was throttled",
        )),
        _ => Err(SERVICE.failed("TransactWriteItems")(error)),
    }
}

/// Returns the item after an intent was written, or the unchanged item if the condition failed.
/// `None` if there is no item.
fn begun(written: Result<UpdateItemOutput, SdkError<UpdateItemError>>) -> PortResult<Option<Item>> {
    match written {
        Ok(written) => Ok(written.attributes),
        Err(error) => match error.as_service_error() {
            Some(UpdateItemError::ConditionalCheckFailedException(failed)) => {
                Ok(failed.item().cloned())
            }
            _ => Err(SERVICE.failed("UpdateItem")(error)),
        },
    }
}

#[async_trait]
impl Records for DynamoDb {
    async fn insert_instance(
        &self,
        instance: &Instance,
        now: Timestamp,
    ) -> PortResult<Option<Instance>> {
        let put = self
            .client()
            .put_item()
            .table_name(&self.table)
            .set_item(Some(instance_item(instance)?))
            .condition_expression(
                "attribute_not_exists(pk) OR (expires_at <= :reusable AND \
                 attributes.organization_guid = :organization AND attributes.space_guid = :space)",
            )
            .expression_attribute_values(":reusable", reusable(INSTANCE_TOMBSTONE_LIFETIME, now))
            .expression_attribute_values(
                ":organization",
                string(&*instance.attributes.organization_guid),
            )
            .expression_attribute_values(":space", string(&*instance.attributes.space_guid))
            .return_values(ReturnValue::AllOld)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;

        match put {
            Ok(put) => put.attributes.map(record).transpose(),
            Err(error) => match error.as_service_error() {
                Some(PutItemError::ConditionalCheckFailedException(failed)) => {
                    Ok(Some(record(failed.item().cloned().unwrap_or_default())?))
                }
                _ => Err(SERVICE.failed("PutItem")(error)),
            },
        }
    }

    async fn instance(&self, id: &InstanceId, now: Timestamp) -> PortResult<Option<Instance>> {
        let read = self
            .client()
            .get_item()
            .table_name(&self.table)
            .set_key(Some(instance_key(id)))
            .consistent_read(true)
            .send()
            .await
            .map_err(SERVICE.failed("GetItem"))?;

        Ok(read
            .item
            .map(record::<Instance>)
            .transpose()?
            .filter(|instance| is_current(instance.expires_at, now)))
    }

    async fn count_instances(&self, owner_guid: &str) -> PortResult<usize> {
        let mut pages = self
            .client()
            .query()
            .table_name(&self.table)
            .index_name(BY_ORGANIZATION)
            .select(Select::Count)
            .key_condition_expression("organization = :organization")
            .expression_attribute_values(":organization", string(organization_key(owner_guid)))
            .into_paginator()
            .send();

        let mut count = 0;
        while let Some(page) = pages.next().await {
            count += page.map_err(SERVICE.failed("Query"))?.count;
        }
        Ok(usize::try_from(count).unwrap_or_default())
    }

    async fn update_instance(&self, instance: &Instance) -> PortResult<WriteOutcome> {
        let next = instance.clone().next_version();
        self.replace(instance_item(&next)?, instance.version).await
    }

    async fn delete_instance(&self, instance: &Instance) -> PortResult<WriteOutcome> {
        let deleted = self
            .client()
            .delete_item()
            .table_name(&self.table)
            .set_key(Some(instance_key(&instance.id)))
            // The version alone could match a later record of the same id.
            .condition_expression(
                "attribute_not_exists(pk) OR (version = :version AND #operation.id = :operation)",
            )
            .expression_attribute_names("#operation", "operation")
            .expression_attribute_values(":version", number(instance.version))
            .expression_attribute_values(":operation", string(&instance.operation.id))
            .send()
            .await;

        let Err(error) = deleted else {
            return Ok(WriteOutcome::Done);
        };

        match error.as_service_error() {
            Some(answer) if answer.is_conditional_check_failed_exception() => {
                Ok(WriteOutcome::Conflict)
            }
            _ => Err(SERVICE.failed("DeleteItem")(error)),
        }
    }

    async fn begin_deprovision(
        &self,
        id: &InstanceId,
        service_id: &str,
        operation: &Operation,
    ) -> PortResult<Option<Instance>> {
        let written = self
            .begin::<Instance>(instance_key(id), operation)?
            .condition_expression(
                "attribute_exists(pk) AND #schema BETWEEN :oldest_schema AND :newest_schema \
                 AND NOT (#operation.kind = :deprovision AND #operation.#state <> :failed) \
                 AND NOT (#operation.kind = :update AND #operation.#state = :in_progress) \
                 AND attributes.service_id = :service_id",
            )
            .expression_attribute_values(":service_id", string(service_id))
            .expression_attribute_values(":deprovision", attribute(&OperationKind::Deprovision)?)
            .expression_attribute_values(":failed", attribute(&OperationState::Failed)?)
            .expression_attribute_values(":update", attribute(&OperationKind::Update)?)
            .expression_attribute_values(":in_progress", attribute(&OperationState::InProgress)?)
            .customize()
            .config_override(waiting_for_transactions::<UpdateItemError>())
            .send()
            .await;

        begun(written)?.map(record).transpose()
    }

    async fn remember_refused(&self, id: &InstanceId, refused: &Refused) -> PortResult<()> {
        let mut item = refused_key(id, &refused.requester);
        item.insert("expires_at".into(), number(refused.expires_at.as_second()));
        let put = self
            .client()
            .put_item()
            .table_name(&self.table)
            .set_item(Some(item))
            .send()
            .await;
        put.map(drop).map_err(SERVICE.failed("PutItem"))
    }

    async fn forget_refused(&self, id: &InstanceId, requester: &Requester) -> PortResult<()> {
        let delete = self
            .client()
            .delete_item()
            .table_name(&self.table)
            .set_key(Some(refused_key(id, requester)));
        delete
            .send()
            .await
            .map(drop)
            .map_err(SERVICE.failed("DeleteItem"))
    }

    async fn is_refused(
        &self,
        id: &InstanceId,
        requester: &Requester,
        now: Timestamp,
    ) -> PortResult<bool> {
        let read = self
            .client()
            .get_item()
            .table_name(&self.table)
            .set_key(Some(refused_key(id, requester)))
            .consistent_read(true)
            .send()
            .await
            .map_err(SERVICE.failed("GetItem"))?;

        let expires_at = read
            .item
            .as_ref()
            .and_then(|item| item.get("expires_at")?.as_n().ok()?.parse::<i64>().ok());
        Ok(expires_at.is_some_and(|expires_at| expires_at > now.as_second()))
    }

    async fn bindings(&self, id: &InstanceId) -> PortResult<Vec<Binding>> {
        let mut pages = self
            .client()
            .query()
            .table_name(&self.table)
            .key_condition_expression("pk = :pk AND begins_with(sk, :binding)")
            .expression_attribute_values(":pk", string(partition(id)))
            .expression_attribute_values(":binding", string(BINDING))
            .consistent_read(true)
            .into_paginator()
            .items()
            .send();

        let mut bindings = Vec::new();
        while let Some(item) = pages.next().await {
            bindings.push(record(item.map_err(SERVICE.failed("Query"))?)?);
        }
        Ok(bindings)
    }

    async fn instance_and_binding(
        &self,
        id: &InstanceId,
        binding_id: &BindingId,
        now: Timestamp,
    ) -> PortResult<(Option<Instance>, Option<Binding>)> {
        let (mut instance, mut binding) = (None, None);
        let mut keys = vec![instance_key(id), binding_key(id, binding_id)];

        // DynamoDB may leave a part of a batch for the next call.
        // https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html
        for _ in 0..BATCH_ATTEMPTS {
            let wanted = KeysAndAttributes::builder()
                .set_keys(Some(keys))
                .consistent_read(true)
                .build();
            let wanted = wanted.map_err(|error| SERVICE.unexpected("BatchGetItem", error))?;

            let read = self
                .client()
                .batch_get_item()
                .request_items(&self.table, wanted)
                .send()
                .await;
            let read = read.map_err(SERVICE.failed("BatchGetItem"))?;

            for item in read.responses.unwrap_or_default().into_values().flatten() {
                if is_instance(&item) {
                    instance = Some(record::<Instance>(item)?)
                        .filter(|instance| is_current(instance.expires_at, now));
                } else {
                    binding = Some(record::<Binding>(item)?)
                        .filter(|binding| is_current(binding.expires_at, now));
                }
            }

            keys = read
                .unprocessed_keys
                .unwrap_or_default()
                .into_values()
                .flat_map(|left| left.keys)
                .collect();
            if keys.is_empty() {
                return Ok((instance, binding));
            }
        }

        Err(SERVICE.throttled("BatchGetItem", "a part of the batch was not read"))
    }

    async fn insert_binding(
        &self,
        instance: &Instance,
        binding: &Binding,
        now: Timestamp,
    ) -> PortResult<BindingInsertion> {
        // Transactions conflict only if two bindings of one instance are inserted at the same
        // moment.
        for _ in 0..TRANSACTION_ATTEMPTS {
            if let Some(inserted) = self.try_insert_binding(instance, binding, now).await? {
                return Ok(inserted);
            }
        }
        Ok(BindingInsertion::InstanceChanged)
    }

    async fn update_binding(&self, binding: &Binding) -> PortResult<WriteOutcome> {
        let next = binding.clone().next_version();
        self.replace(binding_item(&next)?, binding.version).await
    }

    async fn begin_unbind(
        &self,
        instance_id: &InstanceId,
        binding_id: &BindingId,
        service_id: &str,
        operation: &Operation,
    ) -> PortResult<Option<Binding>> {
        let nobody_since = (operation.started_at - LONGEST_REQUEST).as_second();
        let written = self
            .begin::<Binding>(binding_key(instance_id, binding_id), operation)?
            .condition_expression(
                "attribute_exists(pk) AND #schema BETWEEN :oldest_schema AND :newest_schema \
                 AND NOT (#operation.kind = :unbind AND #operation.#state <> :failed) \
                 AND NOT (#operation.kind = :bind AND #operation.#state = :in_progress \
                 AND #operation.started_at > :nobody_since) \
                 AND service_id = :service_id",
            )
            .expression_attribute_values(":service_id", string(service_id))
            .expression_attribute_values(":unbind", attribute(&OperationKind::Unbind)?)
            .expression_attribute_values(":failed", attribute(&OperationState::Failed)?)
            .expression_attribute_values(":bind", attribute(&OperationKind::Bind)?)
            .expression_attribute_values(":in_progress", attribute(&OperationState::InProgress)?)
            .expression_attribute_values(":nobody_since", number(nobody_since))
            .customize()
            .config_override(waiting_for_transactions::<UpdateItemError>())
            .send()
            .await;

        begun(written)?.map(record).transpose()
    }

    async fn page(&self, next: Option<String>) -> PortResult<Page<ScannedRecord>> {
        let start = next.map(|next| serde_json::from_str(&next)).transpose();
        let start: Option<(String, String)> =
            start.map_err(|error| SERVICE.unexpected("Scan", error))?;

        let page = self
            .client()
            .scan()
            .table_name(&self.table)
            .consistent_read(true)
            .set_exclusive_start_key(start.map(|(pk, sk)| key(pk, sk)))
            .send()
            .await
            .map_err(SERVICE.failed("Scan"))?;

        let last = page
            .last_evaluated_key
            .map(|last| json!([text(&last, "pk"), text(&last, "sk")]).to_string());
        let items = page
            .items
            .unwrap_or_default()
            .into_iter()
            .filter(|item| !is_refused_user(item) && !is_override(item));

        Ok(Page {
            items: items.map(scanned).collect(),
            next: last,
        })
    }
}

/// Converts any item of the table to a scanned record, readable or not.
fn scanned(item: Item) -> ScannedRecord {
    let key = format!(
        "{} {}",
        text(&item, "pk").unwrap_or_default(),
        text(&item, "sk").unwrap_or_default()
    );
    let names = names_in(&item);

    let read = match text(&item, "sk") {
        Some(META) => record(item).map(|instance| ScannedRecord::Instance(Box::new(instance))),
        Some(sk) if sk.starts_with(BINDING) => {
            record(item).map(|binding| ScannedRecord::Binding(Box::new(binding)))
        }
        _ => Err(SERVICE.unreadable("it is neither an instance nor a binding")),
    };

    read.unwrap_or_else(|error| {
        ScannedRecord::Unreadable(UnreadableRecord {
            key,
            reason: error.detail,
            names,
        })
    })
}

/// Returns the names of stacks, users and roles in an item of unknown shape.
fn names_in(item: &Item) -> Vec<String> {
    item.iter()
        .flat_map(|(key, value)| match value {
            AttributeValue::S(name) if NAMES.contains(&key.as_str()) => vec![name.clone()],
            AttributeValue::M(fields) => names_in(fields),
            AttributeValue::L(entries) => entries
                .iter()
                .filter_map(|entry| entry.as_m().ok())
                .flat_map(names_in)
                .collect(),
            _ => Vec::new(),
        })
        .collect()
}

/// Returns a configuration that retries a write after a conflict with a transaction. Such a write
/// fails if the item is part of a transaction at the same moment.
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis.html#transaction-conflict-handling>
fn waiting_for_transactions<E>() -> config::Builder
where
    E: std::error::Error + ProvideErrorMetadata + Send + Sync + 'static,
{
    let codes = vec!["TransactionConflictException"];
    Config::builder().retry_classifier(
        AwsErrorCodeClassifier::<E>::builder()
            .transient_errors(codes)
            .build(),
    )
}

fn failed_with(reason: &CancellationReason, code: &str) -> bool {
    reason.code() == Some(code)
}

/// True if DynamoDB throttled this item of a transaction.
/// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html>
fn is_throttled(reason: &CancellationReason) -> bool {
    failed_with(reason, "ThrottlingError") || failed_with(reason, "ProvisionedThroughputExceeded")
}

fn reusable(lifetime: SignedDuration, now: Timestamp) -> AttributeValue {
    number(latest_reusable_expiry(lifetime, now).as_second())
}

fn is_current(expires_at: Option<Timestamp>, now: Timestamp) -> bool {
    expires_at.is_none_or(|expires_at| now < expires_at)
}

fn is_instance(item: &Item) -> bool {
    text(item, "sk") == Some(META)
}

fn is_refused_user(item: &Item) -> bool {
    text(item, "sk").is_some_and(|sk| sk.starts_with(REFUSED))
}

fn is_override(item: &Item) -> bool {
    text(item, "pk") == Some(OVERRIDES)
}

fn text<'a>(item: &'a Item, name: &str) -> Option<&'a str> {
    item.get(name)?.as_s().ok().map(String::as_str)
}

fn partition(id: &InstanceId) -> String {
    format!("INSTANCE#{id}")
}

fn binding_sort_key(id: &BindingId) -> String {
    format!("{BINDING}{id}")
}

fn instance_key(id: &InstanceId) -> Item {
    key(partition(id), META)
}

fn binding_key(instance_id: &InstanceId, id: &BindingId) -> Item {
    key(partition(instance_id), binding_sort_key(id))
}

fn refused_key(instance_id: &InstanceId, requester: &Requester) -> Item {
    key(
        partition(instance_id),
        format!("{REFUSED}{}", requester.as_str()),
    )
}

fn key(pk: String, sk: impl Into<String>) -> Item {
    [("pk", string(pk)), ("sk", string(sk))]
        .map(|(name, value)| (name.to_owned(), value))
        .into()
}

fn instance_item(instance: &Instance) -> PortResult<Item> {
    let organization =
        (!instance.is_tombstone()).then(|| organization_key(instance.attributes.quota_owner()));
    item(Stored {
        pk: partition(&instance.id),
        sk: META.into(),
        organization,
        schema: *Instance::VERSIONS.end(),
        record: instance,
    })
}

/// Returns the index key of an organization or space. It is a digest, because a GUID may be longer
/// than a key.
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html>
fn organization_key(guid: &str) -> String {
    Uuid::new_v5(&Uuid::NAMESPACE_OID, guid.as_bytes()).to_string()
}

fn binding_item(binding: &Binding) -> PortResult<Item> {
    let (pk, sk) = (
        partition(&binding.instance_id),
        binding_sort_key(&binding.id),
    );
    item(Stored {
        pk,
        sk,
        organization: None,
        schema: *Binding::VERSIONS.end(),
        record: binding,
    })
}

fn item(stored: Stored<&impl Serialize>) -> PortResult<Item> {
    serde_dynamo::to_item(stored).map_err(|error| SERVICE.unreadable(error))
}

/// Reads a record of any version that this broker knows.
fn record<R: Shape>(item: Item) -> PortResult<R> {
    let version = item
        .get("schema")
        .and_then(|schema| schema.as_n().ok()?.parse::<u32>().ok());
    let Some(version) = version.filter(|version| R::VERSIONS.contains(version)) else {
        let version = version.map_or("none".into(), |version| version.to_string());
        return Err(SERVICE.unreadable(format!(
            "its schema version is {version}; this version of the broker supports {} to {}",
            R::VERSIONS.start(),
            R::VERSIONS.end(),
        )));
    };

    let stored = R::upgrade(item, version).and_then(serde_dynamo::from_item::<_, Stored<R>>);
    Ok(stored.map_err(|error| SERVICE.unreadable(error))?.record)
}

fn attribute(value: &impl Serialize) -> PortResult<AttributeValue> {
    serde_dynamo::to_attribute_value(value).map_err(|error| SERVICE.unreadable(error))
}

fn string(text: impl Into<String>) -> AttributeValue {
    AttributeValue::S(text.into())
}

fn number(number: impl ToString) -> AttributeValue {
    AttributeValue::N(number.to_string())
}
