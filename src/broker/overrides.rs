//! The operator's current overrides, cached for a minute.

use std::sync::{Arc, Mutex, PoisonError};

use catalog::{Catalog, OperatorLimits, OperatorValues, Overrides, Owner, Precedence};
use jiff::{SignedDuration, Timestamp};

use crate::{
    broker::{
        Broker,
        databases::Databases,
        error::Result,
        ports::OverrideRecords,
        records::{Attributes, Location},
    },
    osb::Object,
};

/// The time after which the overrides are read again.
const LOOK_AGAIN: SignedDuration = SignedDuration::from_secs(60);

/// The operator's overrides. They are read when a request needs them, at most once a minute.
#[derive(Clone)]
pub struct OperatorOverrides {
    records: Arc<dyn OverrideRecords>,
    precedence: Precedence,
    known: Arc<Mutex<Option<Known>>>,
}

/// The overrides from the latest read.
#[derive(Clone)]
struct Known {
    read_at: Timestamp,
    overrides: Arc<Overrides>,
    /// The catalog that users see under these overrides.
    catalog: Catalog,
}

impl OperatorOverrides {
    /// Creates an empty cache of the overrides in `records`.
    pub fn new(records: Arc<dyn OverrideRecords>, precedence: Precedence) -> Self {
        Self {
            records,
            precedence,
            known: Arc::default(),
        }
    }

    /// The winner if the user and the operator both set a parameter.
    pub fn precedence(&self) -> Precedence {
        self.precedence
    }

    /// Returns the cached overrides. Reads them first if they are older than a minute.
    async fn known(&self, broker: &Broker) -> Result<Known> {
        let now = broker.environment.now();
        let before = self.lock().clone();
        if let Some(known) = &before
            && now.duration_since(known.read_at) < LOOK_AGAIN
        {
            return Ok(known.clone());
        }

        let overrides = Overrides::new(self.records.all().await?);
        let known = match before {
            Some(before) if *before.overrides == overrides => Known {
                read_at: now,
                ..before
            },
            _ => {
                report_problems(&overrides, &broker.catalog);
                Known {
                    read_at: now,
                    catalog: broker.catalog.under(&overrides, self.precedence),
                    overrides: Arc::new(overrides),
                }
            }
        };
        *self.lock() = Some(known.clone());
        Ok(known)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Logs the overrides that have a problem.
fn report_problems(overrides: &Overrides, catalog: &Catalog) {
    for it in overrides.iter() {
        if let Some(reason) = it.problem(catalog) {
            tracing::warn!(
                parameter = it.parameter,
                reason,
                "an override has a problem; `asb override list` shows all of them"
            );
        }
    }
}

/// Returns the catalog as users see it.
///
/// # Errors
///
/// The error of a port.
pub async fn shown_catalog(broker: &Broker) -> Result<Catalog> {
    let overrides = &broker.overrides;
    if broker.catalog.depends_on_overrides(overrides.precedence) {
        Ok(overrides.known(broker).await?.catalog)
    } else {
        Ok(broker.catalog.clone())
    }
}

/// The overrides for one instance.
#[derive(Clone, Debug, Default)]
pub(super) struct Applicable {
    /// The operator's values of its parameters.
    pub values: OperatorValues,
    /// The operator's limits of what its user can choose.
    pub limits: OperatorLimits,
}

/// Returns the overrides for an instance of the service with these attributes at this location. At
/// home, they include the network of the databases.
///
/// # Errors
///
/// The error of a port.
pub(super) async fn applicable(
    broker: &Broker,
    service: &str,
    attributes: &Attributes,
    location: Option<&Location>,
) -> Result<Applicable> {
    let overrides = broker.overrides.known(broker).await?.overrides;
    let owner = owner(attributes);

    let network = broker.databases.as_ref().filter(|_| location.is_none());
    let mut values = network.map(Databases::values).unwrap_or_default();
    values.extend(overrides.values(service, &owner));
    Ok(Applicable {
        values,
        limits: overrides.limits(service, &owner),
    })
}

/// Returns the ids of the instance's owner. The context adds those of Kubernetes: the id of the
/// cluster and the name of the namespace.
fn owner(attributes: &Attributes) -> Owner<'_> {
    let context = &attributes.context.0;
    Owner {
        organization: ids(&attributes.organization_guid, text(context, "clusterid")),
        space: ids(&attributes.space_guid, text(context, "namespace")),
    }
}

fn ids<'a>(guid: &'a str, name: Option<&'a str>) -> Vec<&'a str> {
    [Some(guid), name].into_iter().flatten().collect()
}

fn text<'a>(context: &'a Object, name: &str) -> Option<&'a str> {
    context.get(name)?.as_str()
}
