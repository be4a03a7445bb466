//! The service as it is asked here.

use std::path::Path;

use crate::client::Answer;
use crate::kept::Client;
use crate::presentation::{self, Listed};
use crate::process::until;
use crate::service::{Service, Setup};

/// A head that was started, as the log tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Started {
    pub rendition: String,
    pub segment: usize,
    /// Nobody waited for it: it works ahead of a viewer.
    pub ahead: bool,
    /// Out of the frames that another head decodes.
    pub joins: bool,
}

/// Serves these films under their own names, by settings that are variables without their `MILLRACE_`.
pub fn start(films: &[&Path], settings: &[(&str, &str)]) -> Service {
    let mut setup = Setup::plain();
    for film in films {
        setup = setup.film(film.file_name().and_then(|name| name.to_str()).expect("a film has a name"), film);
    }
    for (name, value) in settings {
        setup = setup.set(name, value);
    }
    let service = setup.start();
    service.wait_until_scanned();
    service
}

impl Service {
    /// SIGKILL, and a start with the same folders.
    pub fn kill_and_start(&mut self) {
        self.kill();
        self.start_again();
        self.wait_until_scanned();
    }

    /// Looks through the library again.
    pub fn scan(&self) {
        let answer = self.post("/api/scan", "{}");
        assert!(answer.status < 300, "{}", answer.text());
        self.wait_until_scanned();
    }

    fn wait_until_scanned(&self) {
        let done = until(|| {
            let status = Some(self.get("/api/scan/status")).filter(|answer| answer.status == 200)?.json();
            (status["state"] == "done").then_some(())
        });
        done.unwrap_or_else(|| panic!("the scan does not end:\n{}", self.log()));
    }

    pub fn client(&self) -> Client {
        Client::new(self.address)
    }

    /// An answer, whatever its status; without one the test fails.
    pub fn answer(&self, path: &str) -> Answer {
        self.client().get(path).unwrap_or_else(|error| panic!("{path}: {error}\n{}", self.log()))
    }

    /// Ids and names of everything listed.
    pub fn films(&self) -> Vec<(String, String)> {
        let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
        self.listing().iter().map(|file| (text(&file["id"]), text(&file["name"]))).collect()
    }

    /// The only film's id.
    pub fn film(&self) -> String {
        let mut films = self.films();
        assert_eq!(films.len(), 1, "{films:?}");
        films.remove(0).0
    }

    pub fn presentation(&self, film: &str) -> Vec<Listed> {
        presentation::read(self, film)
    }

    /// Every head that was started since the service was.
    pub fn starts_logged(&self) -> Vec<Started> {
        let log = self.log();
        let lines = log.lines().filter(|line| line.contains("head starts"));
        lines.map(|line| started(line).unwrap_or_else(|| panic!("cannot read: {line}"))).collect()
    }
}

/// Rendition and segment of a line of the log that tells of a start.
fn started(line: &str) -> Option<Started> {
    let field = |name: &str| {
        let (_, rest) = line.split_once(&format!(" {name}="))?;
        rest.split_whitespace().next()
    };
    Some(Started {
        rendition: field("rendition")?.to_owned(),
        segment: field("segment")?.parse().ok()?,
        ahead: field("ahead")? == "true",
        joins: field("joins")? == "true",
    })
}
