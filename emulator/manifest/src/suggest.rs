//! "did you mean".

/// A hint that names the known word nearest to `given`, if one is near.
pub(crate) fn did_you_mean<'a>(given: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    nearest(given, known).map(|word| format!("did you mean `{word}`?"))
}

/// The known word nearest to `given`: the same but for case, or at most a third of its letters away.
fn nearest<'a>(given: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let lower = given.to_lowercase();
    // The distance costs the product of both lengths; nobody mistypes a name into hundreds of letters.
    let known: Vec<&str> = known.into_iter().filter(|word| word.len() <= 255).take(1000).collect();
    if given.len() > 255 {
        return None;
    }
    known
        .into_iter()
        .map(|word| (strsim::damerau_levenshtein(&lower, &word.to_lowercase()), word))
        .filter(|(distance, word)| *distance <= word.chars().count().div_ceil(3).min(4))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, word)| word)
}

/// Words as `a`, `b` and `c`.
pub(crate) fn listed<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    let quoted: Vec<String> = words.into_iter().map(|word| format!("`{word}`")).collect();
    match quoted.split_last() {
        None => "nothing".into(),
        Some((only, [])) => only.clone(),
        Some((last, rest)) => format!("{} or {last}", rest.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_near_words_are_suggested() {
        let known = ["memory", "memoryReservation", "cpu", "port"];
        for (given, expected) in
            [("memmory", Some("memory")), ("MEMORY", Some("memory")), ("prot", Some("port")), ("cpus", Some("cpu")), ("colour", None), ("", None)]
        {
            assert_eq!(nearest(given, known), expected, "{given}");
        }
        assert_eq!((listed([]), listed(["a"]), listed(["a", "b", "c"])), ("nothing".into(), "`a`".into(), "`a`, `b` or `c`".into()));
    }
}
