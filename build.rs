//! The page is embedded from `web/dist`, the profiles from `pipelines`: what changes there changes the binary.

fn main() {
    for path in ["web/dist", "pipelines", "config/millrace.toml", "src/catalogue/migrations"] {
        println!("cargo:rerun-if-changed={path}");
    }
}
