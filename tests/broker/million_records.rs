//! A table with a million records: the sweep and the guard read it page by page, and keep nothing
//! of a page.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use async_trait::async_trait;
use aws_service_broker::broker::{
    Broker,
    ports::{BindingInsertion, Page, PortResult, Records, ScannedRecord, WriteOutcome},
    records::{
        Binding, BindingId, Instance, InstanceId, Operation, OperationKind, Refused, Requester,
    },
    upkeep,
};
use jiff::Timestamp;

use crate::support::{Client, World};

const PAGES: usize = 1_000;
const RECORDS_PER_PAGE: usize = 1_000;

/// The most that the process may grow by. The records alone are some 2 GB in memory.
const MAX_GROWTH: usize = 512 << 20;

/// A table in which all records are alike; all else is that of a [`World`].
struct Table {
    world: World,
    record: Instance,
    pages_read: AtomicUsize,
    before: usize,
    growth: AtomicUsize,
}

impl Table {
    fn of(world: &World, record: Instance) -> Arc<Self> {
        let world = world.clone();
        Arc::new(Self {
            world,
            record,
            pages_read: 0.into(),
            before: resident_bytes(),
            growth: 0.into(),
        })
    }

    fn pages_read(&self) -> usize {
        self.pages_read.load(Ordering::Relaxed)
    }
}

/// The memory that the process has; none where that cannot be asked.
fn resident_bytes() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = statm
        .split(' ')
        .nth(1)
        .and_then(|pages| pages.parse::<usize>().ok());
    pages.unwrap_or_default() * 4_096
}

#[async_trait]
impl Records for Table {
    async fn page(&self, next: Option<String>) -> PortResult<Page<ScannedRecord>> {
        let number: usize = next.map_or(0, |next| next.parse().expect("a number"));
        self.pages_read.fetch_add(1, Ordering::Relaxed);
        self.growth.fetch_max(
            resident_bytes().saturating_sub(self.before),
            Ordering::Relaxed,
        );

        let records =
            std::iter::repeat_with(|| ScannedRecord::Instance(Box::new(self.record.clone())));
        let next = number + 1;
        Ok(Page {
            items: records.take(RECORDS_PER_PAGE).collect(),
            next: (next < PAGES).then(|| next.to_string()),
        })
    }

    async fn insert_instance(
        &self,
        instance: &Instance,
        now: Timestamp,
    ) -> PortResult<Option<Instance>> {
        self.world.insert_instance(instance, now).await
    }

    async fn instance(&self, id: &InstanceId, now: Timestamp) -> PortResult<Option<Instance>> {
        Records::instance(&self.world, id, now).await
    }

    async fn count_instances(&self, owner_guid: &str) -> PortResult<usize> {
        self.world.count_instances(owner_guid).await
    }

    async fn update_instance(&self, instance: &Instance) -> PortResult<WriteOutcome> {
        self.world.update_instance(instance).await
    }

    async fn delete_instance(&self, instance: &Instance) -> PortResult<WriteOutcome> {
        self.world.delete_instance(instance).await
    }

    async fn begin_deprovision(
        &self,
        id: &InstanceId,
        service_id: &str,
        operation: &Operation,
    ) -> PortResult<Option<Instance>> {
        self.world
            .begin_deprovision(id, service_id, operation)
            .await
    }

    async fn remember_refused(&self, id: &InstanceId, refused: &Refused) -> PortResult<()> {
        self.world.remember_refused(id, refused).await
    }

    async fn forget_refused(&self, id: &InstanceId, requester: &Requester) -> PortResult<()> {
        self.world.forget_refused(id, requester).await
    }

    async fn is_refused(
        &self,
        id: &InstanceId,
        requester: &Requester,
        now: Timestamp,
    ) -> PortResult<bool> {
        self.world.is_refused(id, requester, now).await
    }

    async fn instance_and_binding(
        &self,
        id: &InstanceId,
        binding_id: &BindingId,
        now: Timestamp,
    ) -> PortResult<(Option<Instance>, Option<Binding>)> {
        self.world.instance_and_binding(id, binding_id, now).await
    }

    async fn bindings(&self, id: &InstanceId) -> PortResult<Vec<Binding>> {
        Records::bindings(&self.world, id).await
    }

    async fn insert_binding(
        &self,
        instance: &Instance,
        binding: &Binding,
        now: Timestamp,
    ) -> PortResult<BindingInsertion> {
        self.world.insert_binding(instance, binding, now).await
    }

    async fn update_binding(&self, binding: &Binding) -> PortResult<WriteOutcome> {
        self.world.update_binding(binding).await
    }

    async fn begin_unbind(
        &self,
        instance_id: &InstanceId,
        binding_id: &BindingId,
        service_id: &str,
        operation: &Operation,
    ) -> PortResult<Option<Binding>> {
        self.world
            .begin_unbind(instance_id, binding_id, service_id, operation)
            .await
    }
}

/// A broker with a million records that are like that of an instance in use.
async fn a_million(change: fn(Instance) -> Instance) -> (Broker, Arc<Table>) {
    let client = Client::with_instance().await;
    let record = client
        .world
        .account()
        .instances
        .into_values()
        .next()
        .expect("an instance");
    let table = Table::of(&client.world, change(record));
    (
        Broker {
            records: table.clone(),
            ..client.broker()
        },
        table,
    )
}

fn deleted(instance: Instance) -> Instance {
    let operation = Operation {
        kind: OperationKind::Deprovision,
        ..instance.operation
    };
    Instance {
        operation,
        ..instance
    }
}

#[tokio::test(start_paused = true)]
async fn sweep_reads_a_million_records_in_bounded_memory() {
    let (broker, table) = a_million(|instance| instance).await;
    let findings = upkeep::sweep(&broker).await.expect("a sweep");
    assert_eq!(
        (findings.looked_at.records, findings.looked_at.stacks),
        (PAGES * RECORDS_PER_PAGE, 1)
    );
    assert!(
        findings.stacks_without_record.is_empty() && findings.instances_without_stack.is_empty()
    );
    assert_eq!(table.pages_read(), PAGES);
    assert!(
        table.growth.load(Ordering::Relaxed) < MAX_GROWTH,
        "{:?} bytes",
        table.growth
    );
}

#[tokio::test(start_paused = true)]
async fn guard_reads_a_million_tombstones_in_bounded_memory() {
    let (broker, table) = a_million(deleted).await;
    let remaining = upkeep::remaining(&broker, None).await.expect("a count");
    assert_eq!(
        (remaining.count, remaining.or_more, remaining.named.len()),
        (0, false, 0)
    );
    assert_eq!(table.pages_read(), PAGES);
    assert!(
        table.growth.load(Ordering::Relaxed) < MAX_GROWTH,
        "{:?} bytes",
        table.growth
    );
}

#[tokio::test(start_paused = true)]
async fn guard_stops_counting_at_ten_thousand_instances() {
    let (broker, table) = a_million(|instance| instance).await;
    let remaining = upkeep::remaining(&broker, None).await.expect("a count");
    assert_eq!(
        (remaining.count, remaining.or_more, remaining.named.len()),
        (10_000, true, 10)
    );
    assert_eq!(table.pages_read(), 10);
}
