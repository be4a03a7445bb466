//! Language codes of containers as BCP 47 tags (RFC 5646): the shortest code, so `en` and not `eng`.

/// ISO 639-2 codes (the bibliographic ones too, as Matroska uses them) that have an ISO 639-1 code.
const SHORT_CODES: &str = "afr af alb sq amh am ara ar arm hy aze az baq eu bel be ben bn bos bs bul bg bur my \
    cat ca ces cs chi zh cym cy cze cs dan da deu de dut nl ell el eng en epo eo est et eus eu fao fo fas fa \
    fin fi fra fr fre fr geo ka ger de gla gd gle ga glg gl gre el guj gu hat ht hau ha heb he hin hi hrv hr \
    hun hu hye hy ibo ig ice is ind id isl is ita it jav jv jpn ja kan kn kat ka kaz kk khm km kin rw kor ko \
    kur ku lao lo lat la lav lv lit lt ltz lb mac mk mal ml mao mi mar mr may ms mkd mk mlg mg mlt mt mon mn \
    mri mi msa ms mya my nep ne nld nl nno nn nob nb nor no pan pa per fa pol pl por pt pus ps ron ro rum ro \
    rus ru sin si slk sk slo sk slv sl som so spa es sqi sq srp sr swa sw swe sv tam ta tel te tgl tl tha th \
    tib bo tur tr ukr uk urd ur uzb uz vie vi wel cy yid yi yor yo zho zh zul zu";

/// Longest tag that is believed; RFC 5646 asks for at least 35 characters.
const MAX_TAG_LENGTH: usize = 35;

/// The tag for what a container says; `None` where it says nothing (`und`) or no tag at all.
pub fn language_tag(text: &str) -> Option<String> {
    let text = text.trim_matches(|c: char| c == '\0' || c.is_whitespace()).replace('_', "-");
    let (primary, rest) = text.split_at(text.find('-').unwrap_or(text.len()));
    if text.len() > MAX_TAG_LENGTH || !is_primary(primary, rest) || !text.split('-').all(is_subtag) {
        return None;
    }
    let primary = primary.to_ascii_lowercase();
    match primary.as_str() {
        "und" => None,
        code => Some(format!("{}{rest}", short_code(code).unwrap_or(code))),
    }
}

/// RFC 5646 section 2.1: letters, known or not; one alone opens what is private (`x-klingon`) or grandfathered.
fn is_primary(primary: &str, rest: &str) -> bool {
    let letters = primary.bytes().all(|byte| byte.is_ascii_alphabetic());
    letters && (primary.len() > 1 || matches!(primary, "x" | "X" | "i" | "I") && !rest.is_empty())
}

/// "The maximum length of all subtags is eight"; XML's `xs:language`, which an MPD has, knows no longer ones either.
fn is_subtag(part: &str) -> bool {
    (1..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

fn short_code(code: &str) -> Option<&'static str> {
    let mut words = SHORT_CODES.split_ascii_whitespace();
    while let (Some(long), Some(short)) = (words.next(), words.next()) {
        if long == code {
            return Some(short);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_language_becomes_its_shortest_tag() {
        for (text, expected) in [
            ("eng", Some("en")),
            ("ger", Some("de")),
            ("deu", Some("de")),
            ("fre", Some("fr")),
            ("jpn\0", Some("ja")),
            ("chi", Some("zh")),
            ("zul", Some("zu")),
            ("nds", Some("nds")),
            ("en", Some("en")),
            ("eng-US", Some("en-US")),
            ("pt_BR", Some("pt-BR")),
            ("zh-Hant-TW", Some("zh-Hant-TW")),
            ("und", None),
            ("", None),
            ("-", None),
            ("English (US)", None),
            // Nobody knows them, and they are tags.
            ("qqq", Some("qqq")),
            ("xyzzy", Some("xyzzy")),
            ("x-klingon", Some("x-klingon")),
            // Neither a tag of RFC 5646 nor of XML's `xs:language`.
            ("klingonisch", None),
            ("en-klingonisch", None),
            ("x", None),
            ("007", None),
            ("e\"n", None),
            ("日本", None),
        ] {
            assert_eq!(language_tag(text).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn the_table_is_pairs_in_order() {
        let words: Vec<&str> = SHORT_CODES.split_ascii_whitespace().collect();
        assert_eq!(words.len() % 2, 0);
        assert!(words.chunks(2).all(|pair| pair[0].len() == 3 && pair[1].len() == 2));
        assert!(words.chunks(2).map(|pair| pair[0]).is_sorted());
    }
}
