//! The path of a request as its decoded parts. Strict: there is one way to write a path, and no part can mean
//! something to a file system.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAPath {
    #[error("the path has a broken percent-encoding")]
    BrokenEncoding,
    #[error("the path is not UTF-8")]
    NotUtf8,
    #[error("a part of the path holds a slash, a backslash or a control character")]
    ForbiddenCharacter,
    #[error("the path climbs with `.` or `..`")]
    Climbs,
}

/// `/a/b%20c` as `["a", "b c"]`; the root has no parts.
pub fn parts(path: &str) -> Result<Vec<Cow<'_, str>>, NotAPath> {
    match path.strip_prefix('/').unwrap_or(path) {
        "" => Ok(Vec::new()),
        path => path.split('/').map(part).collect(),
    }
}

fn part(text: &str) -> Result<Cow<'_, str>, NotAPath> {
    if !well_encoded(text) {
        return Err(NotAPath::BrokenEncoding);
    }
    let decoded = percent_decode_str(text).decode_utf8().map_err(|_| NotAPath::NotUtf8)?;
    if decoded.chars().any(|c| matches!(c, '/' | '\\') || c.is_control()) {
        return Err(NotAPath::ForbiddenCharacter);
    }
    if matches!(&*decoded, "." | "..") {
        return Err(NotAPath::Climbs);
    }
    Ok(decoded)
}

/// Two hexadecimal digits behind each `%`.
pub fn well_encoded(text: &str) -> bool {
    text.split('%')
        .skip(1)
        .all(|rest| rest.len() >= 2 && rest.bytes().take(2).all(|byte| byte.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_its_decoded_parts() {
        for (path, expected) in [
            ("/", vec![]),
            ("/a", vec!["a"]),
            ("/a/", vec!["a", ""]),
            ("//a", vec!["", "a"]),
            ("/a%20b/%C3%A9", vec!["a b", "é"]),
            ("/a%252e", vec!["a%2e"]),
            ("/...", vec!["..."]),
        ] {
            assert_eq!(parts(path), Ok(expected.into_iter().map(Cow::from).collect()), "{path}");
        }
    }

    #[test]
    fn a_path_that_means_two_things_is_refused() {
        for (path, expected) in [
            ("/%", NotAPath::BrokenEncoding),
            ("/%2", NotAPath::BrokenEncoding),
            ("/%zz", NotAPath::BrokenEncoding),
            ("/%+1", NotAPath::BrokenEncoding),
            ("/%é", NotAPath::BrokenEncoding),
            ("/%ff", NotAPath::NotUtf8),
            ("/%c0%ae%c0%ae/", NotAPath::NotUtf8),
            ("/a%00.html", NotAPath::ForbiddenCharacter),
            ("/a%2fb", NotAPath::ForbiddenCharacter),
            ("/a%2Fb", NotAPath::ForbiddenCharacter),
            ("/a\\b", NotAPath::ForbiddenCharacter),
            ("/%5c..", NotAPath::ForbiddenCharacter),
            ("/a%0d%0ab", NotAPath::ForbiddenCharacter),
            ("/a/../b", NotAPath::Climbs),
            ("/a/%2e%2E/b", NotAPath::Climbs),
            ("/.%2e", NotAPath::Climbs),
            ("/./a", NotAPath::Climbs),
        ] {
            assert_eq!(parts(path), Err(expected), "{path}");
        }
    }
}
