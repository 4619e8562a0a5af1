//! Catalogs of a test's own.

use aws_service_broker::osb;
use catalog::{Catalog, compiler};
use serde_json::{Value, json};

/// The catalog with this template as its only offering.
pub fn catalog_of(template: &str) -> Catalog {
    let offering = compiler::compile("template.yaml", template).expect("a template");
    Catalog::new(vec![offering].into(), "000000000000", "awsservicebroker")
}

/// The body of `GET /v2/catalog`.
pub fn body_of(catalog: &Catalog) -> Value {
    let catalog = osb::Catalog::try_from(catalog).expect("a catalog");
    serde_json::to_value(catalog).expect("JSON")
}

/// The `service_id` and `plan_id` of a plan of the first offering.
pub fn ids_of(catalog: &Catalog, plan: &str) -> Value {
    let catalog = body_of(catalog);
    let service = &catalog["services"][0];
    let plan = service["plans"]
        .as_array()
        .expect("plans")
        .iter()
        .find(|offered| offered["name"] == plan);
    json!({"service_id": service["id"], "plan_id": plan.expect("a plan")["id"]})
}
