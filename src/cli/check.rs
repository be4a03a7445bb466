//! `millrace check`: every problem of the configuration and of the pipeline profiles.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::local::Trouble;
use super::say::say;
use super::settings;
use crate::config::{self, Overrides};
use crate::hardware;

#[derive(Args)]
pub struct Check {
    /// The file to check.
    #[arg(long, value_name = "F", default_value = settings::SYSTEM_CONFIG)]
    config: PathBuf,
}

/// Problems were found.
const PROBLEMS: u8 = 2;

pub fn run(arguments: Check) -> Result<ExitCode, Trouble> {
    let name = arguments.config.display().to_string();
    let text =
        std::fs::read_to_string(&arguments.config).map_err(|error| Trouble(format!("{name}: {error}")))?;
    let mut problems = Vec::new();
    match config::load(Some((&text, &name)), settings::environment(), Overrides::default()) {
        Ok(config) => {
            for library in config.libraries.iter().filter(|library| !library.path.is_dir()) {
                let path = library.path.display();
                say!("{name}: warning: library `{}`: {path} is not a folder now", library.name);
            }
        }
        Err(diagnostics) => problems.extend(diagnostics.iter().map(ToString::to_string)),
    }
    if let Err(errors) = hardware::load(&settings::profile_folders(Some(&arguments.config))) {
        problems.extend(errors.iter().map(ToString::to_string));
    }
    if problems.is_empty() {
        say!("{name}: no problems");
        return Ok(ExitCode::SUCCESS);
    }
    problems.iter().for_each(|problem| say!("{problem}\n"));
    say!("{name}: {} problem{}", problems.len(), if problems.len() == 1 { "" } else { "s" });
    Ok(ExitCode::from(PROBLEMS))
}
