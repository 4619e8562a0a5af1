//! Compiles `templates/` into the binary: see `src/catalog/compiler`.

use std::{env, error::Error, fs, path::Path};

use databake::Bake;

#[path = "src/catalog"]
#[allow(
    dead_code,
    unused_imports,
    reason = "shared with the library, which uses the rest"
)]
mod catalog {
    pub mod compiler;
    pub mod model;
    pub mod policy;
    pub mod reference;
    pub mod spelling;
}

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=templates");
    match catalog::compiler::compile_folder(Path::new("templates")) {
        Ok(offerings) => {
            let offerings: &[_] = &offerings;
            let target = Path::new(&env::var("OUT_DIR")?).join("catalog.rs");
            fs::write(
                target,
                offerings.bake(&databake::CrateEnv::default()).to_string(),
            )?;
        }
        Err(error) => println!("cargo::error={error}"),
    }
    Ok(())
}
