//! Defaults < file < environment < command line.

use std::path::PathBuf;

use super::listed;
use crate::config::{Config, Diagnostic, MaxHeads, Overrides, TABLES, Viewers, load};

const FILE: &str = "
    [server]
    listen = [\"127.0.0.1:1\"]
    [[library]]
    name = \"TV Shows\"
    path = \"/file/tv\"
    watch = \"off\"
    [cache]
    size = \"1 GiB\"
";

fn with_environment(variables: &[(&str, &str)]) -> Result<Config, Vec<Diagnostic>> {
    let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    load(Some((FILE, "millrace.toml")), variables, Overrides::default())
}

fn with_libraries(libraries: &[(Option<&str>, &str)]) -> Result<Config, Vec<Diagnostic>> {
    let libraries = libraries.iter().map(|(name, path)| (name.map(str::to_owned), PathBuf::from(path)));
    let overrides = Overrides { libraries: libraries.collect(), ..Overrides::default() };
    load(Some((FILE, "millrace.toml")), std::iter::empty(), overrides)
}

fn libraries(config: &Config) -> Vec<String> {
    config.libraries.iter().map(|library| format!("{}={}", library.name, library.path.display())).collect()
}

#[test]
fn the_environment_wins_over_the_file() {
    let config = with_environment(&[
        ("PATH", "/bin"),
        ("MILLRACE_SERVER_LISTEN", "127.0.0.1:2, [::1]:2"),
        ("MILLRACE_SERVER_NAME", "box"),
        ("MILLRACE_CACHE_SIZE", "500 MB"),
        ("MILLRACE_CACHE_MIN_FREE", "1000"),
        ("MILLRACE_ENCODE_LADDER", "720:3M,1080:6M"),
        ("MILLRACE_ENCODE_MAX_HEADS", "5"),
        ("MILLRACE_ACCESS_VIEWERS", "anyone"),
        ("MILLRACE_ACCESS_HOSTS", "a.example,b.example"),
    ])
    .unwrap();
    assert_eq!(config.server.listen.len(), 2);
    assert_eq!((config.cache.size.bytes(), config.cache.min_free.bytes()), (500_000_000, 1000));
    assert_eq!(config.encode.ladder.rungs()[0].height, 1080);
    assert_eq!(config.encode.max_heads, MaxHeads::Count(5));
    assert_eq!(config.access.viewers, Viewers::Anyone);
    assert_eq!(config.access.hosts.len(), 2);
}

#[test]
fn every_key_has_a_variable() {
    for table in TABLES.iter().filter(|table| !table.repeated) {
        for key in table.keys {
            let variable = table.variable(key).unwrap_or_default();
            let list = key.default.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
            let default = list.unwrap_or(key.default).replace('"', "");
            let value = if key.name == "ladder" { "1080:6M,720:3M,360:800k".to_owned() } else { default };
            let given = std::iter::once((variable.clone(), value));
            assert_eq!(load(None, given, Overrides::default()), Ok(Config::default()), "{variable}");
        }
    }
}

#[test]
fn a_library_of_the_environment_moves_the_files_or_is_added() {
    let config = with_environment(&[
        ("MILLRACE_LIBRARY_TV_SHOWS", "/env/tv"),
        ("MILLRACE_LIBRARY_FILMS", "/env/films"),
    ]);
    assert_eq!(
        config.map(|config| libraries(&config)),
        Ok(vec!["TV Shows=/env/tv".into(), "FILMS=/env/films".into()])
    );
}

#[test]
fn a_mistake_in_the_environment_names_the_variable() {
    let problems = with_environment(&[
        ("MILLRACE_LIBRARY_FILMS", "films"),
        ("MILLRACE_CACHE_SISE", "1 GiB"),
        ("MILLRACE_SERVER_LISTEN", "127.0.0.1:2,8484"),
        ("MILLRACE_ENCODE_LADDER", "720p"),
        ("MILLRACE_ENCODE_MAX_HEADS", "many"),
        ("MILLRACE_ENCODE_SEGMENT", "1s"),
        ("MILLRACE_ENCODE_PART", "1s"),
        ("MILLRACE_LIBRARY_", "/films"),
    ])
    .unwrap_err();
    assert_eq!(
        problems[0].to_string(),
        "MILLRACE_CACHE_SISE: error: no setting goes by this variable\n   \
        hint: did you mean `MILLRACE_CACHE_SIZE`?"
    );
    assert_eq!(
        listed(problems),
        [
            "MILLRACE_CACHE_SISE: no setting goes by this variable",
            "MILLRACE_ENCODE_LADDER: `720p` is not a rung",
            "MILLRACE_ENCODE_MAX_HEADS: `many` is not a number",
            "MILLRACE_ENCODE_PART: `part` (1s) is not shorter than `segment` (1s)",
            "MILLRACE_LIBRARY_: no setting goes by this variable",
            "MILLRACE_LIBRARY_FILMS: `films` is not an absolute path",
            "MILLRACE_SERVER_LISTEN: `8484` is not an address to listen on",
        ]
    );
}

#[test]
fn problems_of_all_layers_are_told_together() {
    let environment = std::iter::once(("MILLRACE_LOG_LEVEL".to_owned(), "loud".to_owned()));
    let overrides = Overrides { libraries: vec![(None, "films".into())], ..Overrides::default() };
    let problems = load(Some(("[cache", "millrace.toml")), environment, overrides).unwrap_err();
    let places: Vec<String> = problems.iter().map(|problem| problem.place.to_string()).collect();
    assert_eq!(places, ["millrace.toml:1:7", "MILLRACE_LOG_LEVEL", "--library films"]);
}

#[test]
fn the_command_line_wins_over_all() {
    let environment = [("MILLRACE_SERVER_LISTEN", "127.0.0.1:2"), ("MILLRACE_LIBRARY_FILMS", "/env/films")];
    let overrides = Overrides {
        libraries: vec![(Some("films".into()), "/line/films".into()), (None, "/line/Home Videos".into())],
        listen: vec![([127, 0, 0, 1], 3).into(), ([127, 0, 0, 1], 0).into(), ([127, 0, 0, 1], 0).into()],
    };
    let environment = environment.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned()));
    let config = load(Some((FILE, "millrace.toml")), environment, overrides).unwrap();
    assert_eq!(config.server.listen.iter().map(|address| address.port()).collect::<Vec<_>>(), [3, 0, 0]);
    assert_eq!(
        libraries(&config),
        ["TV Shows=/file/tv", "FILMS=/line/films", "Home Videos=/line/Home Videos"]
    );
}

#[test]
fn a_mistake_of_the_command_line_names_the_option() {
    for (given, expected) in [
        (&[(None, "films")][..], "--library films: `films` is not an absolute path"),
        (&[(None, "/")], "--library /: `/` has no name to call the library by"),
        (&[(Some(""), "/films")], "--library =/films: the library name \"\" is empty"),
        (&[(None, "/a/Films"), (None, "/b/films")], "--library /b/films: two libraries are called `Films`"),
        (
            &[(Some("Other"), "/file/tv")],
            "--library Other=/file/tv: `TV Shows` and `Other` are both /file/tv",
        ),
    ] {
        assert_eq!(with_libraries(given).map_err(listed), Err(vec![expected.to_owned()]));
    }
}

#[test]
fn a_library_without_a_file_is_enough() {
    let overrides = Overrides { libraries: vec![(None, "/srv/Vidéos".into())], ..Overrides::default() };
    let config = load(None, std::iter::empty(), overrides).unwrap();
    assert_eq!(libraries(&config), ["Vidéos=/srv/Vidéos"]);
}
