//! The configuration as a whole. Each value's own tests stand beside it.

mod file;
mod layers;
mod reference;

use super::Diagnostic;

/// `line:column message` of each.
fn listed(problems: Vec<Diagnostic>) -> Vec<String> {
    problems
        .iter()
        .map(|problem| match (problem.line(), problem.column()) {
            (Some(line), Some(column)) => format!("{line}:{column} {}", problem.message),
            _ => format!("{}: {}", problem.place, problem.message),
        })
        .collect()
}
