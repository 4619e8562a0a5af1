//! The offerings that are compiled into this binary. The build script makes them of `templates/`.

use std::collections::BTreeSet;

use catalog::model::Offering;

/// Offerings of all templates, as [`catalog::compiler::compile_folder`] returned them at build
/// time.
pub static OFFERINGS: &[Offering] = include!(concat!(env!("OUT_DIR"), "/offerings.rs"));

/// True if there is a template for a service of this name.
pub fn is_service(name: &str) -> bool {
    OFFERINGS.iter().any(|offering| offering.name == name)
}

/// Returns the names of the operator's settings in all templates, each once.
pub fn settings() -> BTreeSet<&'static str> {
    OFFERINGS
        .iter()
        .flat_map(|offering| offering.settings.iter())
        .map(|setting| &*setting.name)
        .collect()
}
