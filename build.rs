//! Compiles `templates/` into the binary.

use std::{env, error::Error, fs, path::Path};

use databake::{Bake, CrateEnv};

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=templates");
    match catalog::compiler::compile_folder(Path::new("templates")) {
        Ok(offerings) => {
            let offerings = offerings.as_slice().bake(&CrateEnv::default());
            let target = Path::new(&env::var("OUT_DIR")?).join("offerings.rs");
            fs::write(target, offerings.to_string())?;
        }
        Err(error) => println!("cargo::error={error}"),
    }
    Ok(())
}
