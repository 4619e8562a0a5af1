//! `GET /v2/catalog`

use std::{
    borrow::Cow,
    sync::{Mutex, PoisonError},
};

use axum::{
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use catalog::{Catalog, Offered, Service};
use headers::{ETag, HeaderMapExt, IfNoneMatch};
use serde_json::value::RawValue;
use uuid::Uuid;

use super::{App, error::ApiError};
use crate::{
    broker,
    osb::{self, InputParameters},
};

/// The response of the catalog endpoint, cached until overrides change the catalog that users see.
#[derive(Debug, Default)]
pub struct RenderedCatalog(Mutex<Option<(Catalog, Rendered)>>);

#[derive(Clone, Debug)]
struct Rendered {
    body: Bytes,
    etag: ETag,
}

impl RenderedCatalog {
    /// Returns the rendered catalog, and renders it if it differs from the last one.
    fn of(&self, catalog: Catalog) -> Result<Rendered, ApiError> {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match &*last {
            Some((known, rendered)) if known.is_same(&catalog) => Ok(rendered.clone()),
            _ => {
                let rendered = Rendered::new(&catalog)?;
                *last = Some((catalog, rendered.clone()));
                Ok(rendered)
            }
        }
    }
}

impl Rendered {
    fn new(catalog: &Catalog) -> Result<Self, ApiError> {
        let catalog = osb::Catalog::try_from(catalog).map_err(unusable)?;
        let body = serde_json::to_vec(&catalog).map_err(unusable)?;

        let digest = Uuid::new_v5(&Uuid::NAMESPACE_OID, &body);
        let etag = format!("\"{digest}\"").parse().map_err(unusable)?;
        Ok(Self {
            body: body.into(),
            etag,
        })
    }
}

fn unusable(error: impl std::fmt::Display) -> ApiError {
    ApiError::internal(format!("catalog: {error}"))
}

pub async fn catalog(State(app): State<App>, headers: HeaderMap) -> Result<Response, ApiError> {
    let shown = broker::shown_catalog(&app.broker).await?;
    let Rendered { body, etag } = app.rendered_catalog.of(shown)?;

    let is_known = headers
        .typed_get::<IfNoneMatch>()
        .is_some_and(|known| !known.precondition_passes(&etag));
    let mut response = if is_known {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        ([(header::CONTENT_TYPE, "application/json")], body).into_response()
    };
    response.headers_mut().typed_insert(etag);
    Ok(response)
}

/// The error is that of invalid JSON in a metadata or schema text, which the compiler never writes.
impl<'a> TryFrom<&'a Catalog> for osb::Catalog<'a> {
    type Error = serde_json::Error;

    fn try_from(catalog: &'a Catalog) -> serde_json::Result<Self> {
        let services = catalog.services().map(service_offering);
        Ok(Self {
            services: services.collect::<Result<_, _>>()?,
        })
    }
}

fn service_offering(service: Service<'_>) -> serde_json::Result<osb::ServiceOffering<'_>> {
    let Service {
        id,
        offering,
        plans,
    } = service;

    Ok(osb::ServiceOffering {
        name: &offering.name,
        id,
        description: &offering.description,
        tags: offering.tags.iter().map(AsRef::as_ref).collect(),
        bindable: true,
        instances_retrievable: true,
        bindings_retrievable: true,
        allow_context_updates: true,
        plan_updateable: offering.plans.iter().any(|plan| plan.plan_updateable),
        metadata: serde_json::from_str(&offering.metadata)?,
        plans: plans
            .into_iter()
            .map(service_plan)
            .collect::<Result<_, _>>()?,
    })
}

fn service_plan(offered: Offered<'_>) -> serde_json::Result<osb::ServicePlan<'_>> {
    let Offered { offering, plan, .. } = offered;
    let maintenance_info = offering
        .version
        .as_deref()
        .map(|version| osb::MaintenanceInfo {
            version,
            description: offering.version_description.as_deref(),
        });

    Ok(osb::ServicePlan {
        id: offered.id(),
        name: &plan.name,
        description: &plan.description,
        metadata: serde_json::from_str(&plan.metadata)?,
        free: false,
        bindable: true,
        plan_updateable: plan.plan_updateable,
        binding_rotatable: offered.is_binding_rotatable(),
        maintenance_info,
        maximum_polling_duration: plan.maximum_polling_duration,
        schemas: osb::Schemas {
            service_instance: osb::InstanceSchemas {
                create: input_parameters(offered.create_schema()?)?,
                update: input_parameters(Cow::Borrowed(&plan.update_schema))?,
            },
            service_binding: osb::BindingSchemas {
                create: input_parameters(Cow::Borrowed(&offering.bindings.create_schema))?,
            },
        },
    })
}

fn input_parameters(schema: Cow<'_, str>) -> serde_json::Result<InputParameters<'_>> {
    let parameters = match schema {
        Cow::Borrowed(text) => Cow::Borrowed(serde_json::from_str::<&RawValue>(text)?),
        Cow::Owned(text) => Cow::Owned(RawValue::from_string(text)?),
    };
    Ok(InputParameters { parameters })
}
