//! What a file may say, and what is answered to one that is wrong.

use proptest::prelude::*;

use super::listed;
use crate::config::{BitRate, Config, MaxHeads, REFERENCE, Rung, Viewers, Watch, parse};

fn problems(text: &str) -> Vec<String> {
    listed(parse(text, "millrace.toml").expect_err(text))
}

fn read(text: &str) -> Config {
    parse(text, "millrace.toml").unwrap_or_else(|problems| panic!("{text}\n{:?}", listed(problems)))
}

#[test]
fn an_empty_file_is_the_defaults() {
    assert_eq!(read(""), Config::default());
}

#[test]
fn every_key_takes_a_value() {
    let config = read(
        r#"
        cache.size = 1000000000
        [server]
        listen = ["127.0.0.1:80"]
        name = "Box"
        [[library]]
        name = "Films"
        path = "/mnt/nas/Vidéos/Films"
        watch = "poll"
        [[library]]
        path = "/srv/series"
        name = "Series"
        [encode]
        profile = "software"
        segment = "4s"
        part = "500ms"
        ladder = [{ height = 480, bitrate = "1M" }, { bitrate = 2500000, height = 720 }]
        audio-bitrate = "128k"
        max-heads = 3
        look-ahead = "2m"
        idle-timeout = "30s"
        [live]
        window = "1h"
        [log]
        level = "warn,encoder=trace"
        [access]
        viewers = "anyone"
        hosts = ["media.example.org"]
        "#,
    );
    assert_eq!(config.cache.size.bytes(), 1_000_000_000);
    assert_eq!(config.server.name.as_str(), "box");
    assert_eq!(config.libraries[0].watch, Watch::Poll);
    assert_eq!(config.libraries[1].path.to_str(), Some("/srv/series"));
    let [high, low] =
        [(720, 2500), (480, 1000)].map(|(height, kbps)| Rung { height, bitrate: BitRate::from_kbps(kbps) });
    assert_eq!(config.encode.ladder.rungs(), [high, low], "sorted from high to low");
    assert_eq!(config.encode.max_heads, MaxHeads::Count(3));
    assert_eq!(config.access.viewers, Viewers::Anyone);
    let changes = Config::default().changes(&config);
    assert_eq!(changes.len(), 15, "every key but `min-free`: {changes:?}");
}

#[test]
fn three_mistakes_are_three_diagnostics_with_their_places() {
    let text = "[cache]\nsise = \"20 GiB\"\n\n[encode]\nsegment = \"20s\"\n  part=\"1\" # short\n";
    let found = parse(text, "millrace.toml").unwrap_err();
    let printed: Vec<String> = found.iter().map(ToString::to_string).collect();
    assert_eq!(
        printed,
        [
            "millrace.toml:2:1: error: unknown key `sise` in [cache]\n    2 | sise = \"20 GiB\"\n      | ^^^^\n   \
             hint: did you mean `size`?",
            "millrace.toml:5:11: error: `20s` is too much\n    5 | segment = \"20s\"\n      |           ^^^^^\n   \
             hint: 1s to 10s: shorter wastes bits on keyframes and requests, longer makes starts and switches slow",
            "millrace.toml:6:8: error: `1` has no unit\n    6 |   part=\"1\" # short\n      |        ^^^\n   \
             hint: for example \"333ms\", \"2s\", \"10m\" or \"1h\"",
        ]
    );
}

/// Text of a file, its one problem, and a piece of the hint.
const MISTAKES: &[(&str, &str, &str)] = &[
    ("[chache]\nsize = 1", "1:2 unknown table `chache`", "did you mean `cache`?"),
    ("listen = []", "1:1 unknown key `listen`", "`listen` belongs in [server]"),
    ("size = \"2 GiB\"", "1:1 unknown key `size`", "`size` belongs in [cache]"),
    ("nothing = 1", "1:1 unknown key `nothing`", "one of `server`, `library`"),
    ("[encode]\nwindow = \"1m\"", "2:1 unknown key `window` in [encode]", "`window` belongs in [live]"),
    ("[cache]\nmin_free = 1", "2:1 unknown key `min_free` in [cache]", "did you mean `min-free`?"),
    ("cache.sise = 1", "1:7 unknown key `sise` in [cache]", "did you mean `size`?"),
    ("[[server]]\nname = \"a\"", "1:3 `server` is not written like this", "write [server]"),
    ("[library]\nname = \"a\"", "1:2 `library` is not written like this", "write [[library]]"),
    ("cache = 3", "1:1 `cache` is not written like this", "write [cache]"),
    ("[server]\nlisten = \"0.0.0.0:1\"", "2:10 this is a string, not a list", "`listen` takes a list of"),
    ("[server]\nlisten = []", "2:10 no address to listen on is left", "`listen` takes a list of"),
    ("[server]\nlisten = [1]", "2:11 this is a number, not a string", "`listen` takes a list of"),
    ("[server]\nlisten = [\"[::]:1\",\n \"[::]:1\"]", "3:2 `[::]:1` is listed twice", "list it once"),
    ("[server]\nlisten = [\"8484\"]", "2:11 `8484` is not an address to listen on", "\"0.0.0.0:8484\"?"),
    ("[server]\nname = \"a.b\"", "2:8 `a.b` has a dot", "a host name without dots"),
    ("[server]\nname = true", "2:8 this is true or false, not a string", "`name` takes a host name"),
    ("[[library]]\nname = \"F\"", "1:1 this library has no `path`", "\"/srv/films\""),
    ("[[library]]\npath = \"/f\"", "1:1 this library has no `name`", "\"Films\""),
    ("[[library]]\nname = \"F\"\npath = \"f\"", "3:8 `f` is not an absolute path", "begin with `/`"),
    ("[[library]]\nname = \"F\"\npath = \"~/f\"", "3:8 `~/f` starts with `~`", "its own user"),
    ("[[library]]\nname = \"F\"\npath = \"/a\\u0000\"", "3:8 the path holds a NUL character", "file system"),
    ("[[library]]\nname = \"\"\npath = \"/f\"", "2:8 the library name \"\" is empty", "\"Films\""),
    (
        "[[library]]\nname = \"F\"\npath = \"/f\"\nwatch = \"pol\"",
        "4:9 `pol` is not a choice here",
        "did you mean `poll`?",
    ),
    (
        "[[library]]\nname = \"F\"\npath = \"/f\"\nuploads = true",
        "4:1 unknown key `uploads` in [[library]]",
        "one of `name`",
    ),
    (
        "[[library]]\nname = \"F\"\npath = \"/f\"\n[[library]]\nname = \"f\"\npath = \"/g\"",
        "5:8 two libraries are called `F`",
        "upper and lower case",
    ),
    (
        "[[library]]\nname = \"F\"\npath = \"/f\"\n[[library]]\nname = \"G\"\npath = \"/f\"",
        "5:8 `F` and `G` are both /f",
        "listed twice",
    ),
    ("[cache]\nsize = \"99 MiB\"", "2:8 `99 MiB` is too little", "100 MiB to"),
    ("[cache]\nsize = -5", "2:8 `-5` is not a size", "20 GiB"),
    ("[cache]\nsize = 1.5", "2:8 this is a number with a decimal point, not a string", "`size` takes a size"),
    ("[encode]\nsegment = \"999ms\"", "2:11 `999ms` is too little", "1s to 10s"),
    ("[encode]\nsegment = 2", "2:11 `2` has no unit", "\"2s\""),
    ("[encode]\npart = \"99ms\"", "2:8 `99ms` is too little", "100ms to 1s"),
    (
        "[encode]\nsegment = \"1s\"\npart = \"1s\"",
        "3:8 `part` (1s) is not shorter than `segment` (1s)",
        "several",
    ),
    (
        "[encode]\nsegment = \"10s\"\nlook-ahead = \"5s\"",
        "3:14 `look-ahead` (5s) is shorter than `segment` (10s)",
        "whole segments",
    ),
    ("[encode]\nprofile = \"vaapi.toml\"", "2:11 `vaapi.toml` is not the name of a profile", "\"vaapi\"?"),
    ("[encode]\nmax-heads = 0", "2:13 `0` is too little", "1 to 64"),
    ("[encode]\nmax-heads = \"8\"", "2:13 this is a string, not a number", "\"auto\" or a number"),
    ("[encode]\naudio-bitrate = \"1M\"", "2:17 `1M` is too much", "32k to 512k"),
    ("[encode]\nladder = []", "2:10 the ladder has no rung", "at least one"),
    ("[encode]\nladder = [720]", "2:11 this is a number, not a table", "{ height = 720"),
    ("[encode]\nladder = [{ height = 720 }]", "2:11 this rung has no `bitrate`", "{ height = 720"),
    ("[encode]\nladder = [{ height = 721, bitrate = \"1M\" }]", "2:22 `721` is odd", "chroma"),
    ("[encode]\nladder = [{ height = 100, bitrate = \"1M\" }]", "2:22 `100` is too little", "144 to 4320"),
    ("[encode]\nladder = [{ height = 720, bitrate = \"1k\" }]", "2:37 `1k` is too little", "100k to 100M"),
    (
        "[encode]\nladder = [{ height = 720, bitrate = \"1M\", crf = 3 }]",
        "2:43 unknown key `crf` in a rung of the ladder",
        "one of `height`, `bitrate`",
    ),
    (
        "[[encode.ladder]]\nheight = 720\nbitrate = \"1M\"\n[[encode.ladder]]\nheight = 720\nbitrate = \"2M\"",
        "4:1 two rungs are 720 high",
        "one rung for each height",
    ),
    (
        "[encode]\nladder = [{ height = 360, bitrate = \"3M\" }, { height = 720, bitrate = \"3M\" }]",
        "2:11 the rung of 360 takes 3M, no less than the 3M of the one of 720",
        "lower rate",
    ),
    ("[live]\nwindow = \"10s\"", "2:10 `10s` is too little", "30s to 24h"),
    ("[log]\nlevel = \"info,encodr=trace\"", "2:9 `encodr` is not a room that logs", "`encoder`?"),
    ("[access]\nviewers = \"wan\"", "2:11 `wan` is not a choice here", "did you mean `lan`?"),
    ("[access]\nhosts = [\"http://a\"]", "2:10 `http://a` is not a host name", "without `http://`"),
];

#[test]
fn every_mistake_is_told_with_its_place_and_a_hint() {
    for (text, expected, hint) in MISTAKES {
        let found = parse(text, "millrace.toml").expect_err(text);
        let given = found[0].hint.clone().unwrap_or_default();
        assert_eq!(listed(found), [*expected], "{text}");
        assert!(given.contains(hint), "{text}\n{given}");
    }
}

#[test]
fn many_mistakes_in_one_table_are_all_told() {
    let text = "[[library]]\nnam = \"F\"\npath = \"f\"\n[server]\nlisten = [\"x\", \"y\"]\n";
    assert_eq!(
        problems(text),
        [
            "1:1 this library has no `name`",
            "2:1 unknown key `nam` in [[library]]",
            "3:8 `f` is not an absolute path",
            "5:11 `x` is not an address to listen on",
            "5:16 `y` is not an address to listen on",
        ]
    );
}

#[test]
fn nine_rungs_are_too_many() {
    let rungs: Vec<String> =
        (1..=9).map(|n| format!("{{ height = {}, bitrate = \"{n}M\" }}", 144 + 2 * n)).collect();
    let text = format!("[encode]\nladder = [{}]", rungs.join(", "));
    assert_eq!(problems(&text), ["2:10 the ladder has 9 rungs"]);
}

#[test]
fn a_syntax_error_is_told_with_its_place() {
    for (text, place, hint) in [
        ("[server]\nname = \"a\nlisten = []", (2, 10), false),
        ("[cache]\nsize = 1\nsize = 2", (3, 1), false),
        ("[cache\nsize = 1", (1, 7), false),
        ("[encode]\nsegment = 2s", (2, 11), true),
        ("[cache]\nsize = 20 GiB", (2, 8), true),
    ] {
        let found = parse(text, "millrace.toml").expect_err(text);
        assert_eq!(found.len(), 1, "{text}: {found:?}");
        assert_eq!(
            (found[0].line(), found[0].column()),
            (Some(place.0), Some(place.1)),
            "{text}: {}",
            found[0]
        );
        assert_eq!(found[0].hint.is_some(), hint, "{text}: {}", found[0]);
    }
}

proptest! {
    #[test]
    fn no_damage_to_a_file_upsets_the_reader(at in 0..REFERENCE.len(), with in "[\\[\\]{}=\"#a0é\n,.]{0,3}") {
        let text: String = REFERENCE.chars().take(at).chain(with.chars()).chain(REFERENCE.chars().skip(at + 2)).collect();
        if let Err(found) = parse(&text, "millrace.toml") {
            prop_assert!(!found.is_empty());
            for problem in found {
                let line = problem.line().unwrap_or_default();
                prop_assert!((1..=text.lines().count() + 1).contains(&line), "{}", problem);
            }
        }
    }

    #[test]
    fn what_changes_prints_is_read_back(
        segment in 1u64..=10, part in 100u64..1000, heads in 1u8..=64, height in 72u32..=2160, kbps in 100u32..=100_000,
    ) {
        let text = format!(
            "[encode]\nsegment = \"{segment}s\"\npart = \"{part}ms\"\nmax-heads = {heads}\n\
             ladder = [{{ height = {}, bitrate = \"{kbps}k\" }}]", 2 * height,
        );
        let config = read(&text);
        let printed: String = Config::default()
            .changes(&config)
            .iter()
            .map(|change| format!("{}.{} = {}\n", change.table, change.key, change.to))
            .collect();
        prop_assert_eq!(read(&printed), config);
    }
}
