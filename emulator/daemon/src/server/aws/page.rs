//! Pages of a list: the token of the next one is the last name of this one, so that what comes and goes in between moves nothing.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Why there is no page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum NoPage {
    /// More, or fewer, are asked for than may be.
    Size,
    /// The token is none of ours.
    Token,
}

/// What is asked for.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Asked<'a> {
    /// The token of the page, none for the first.
    pub(in super::super) after: Option<&'a str>,
    /// How many, at most.
    pub(in super::super) most: Option<usize>,
    /// How many there can be on a page, which is the default.
    pub(in super::super) limit: usize,
    /// Whether names go down.
    pub(in super::super) descending: bool,
}

/// One page of a list that is sorted by name, and the token of the next.
pub(in super::super) fn page<T>(items: Vec<T>, name: impl Fn(&T) -> &str, asked: Asked<'_>) -> Result<(Vec<T>, Option<String>), NoPage> {
    let most = asked.most.unwrap_or(asked.limit);
    if !(1..=asked.limit).contains(&most) {
        return Err(NoPage::Size);
    }
    let decoded = asked.after.map(|token| STANDARD.decode(token).ok().and_then(|bytes| String::from_utf8(bytes).ok()).ok_or(NoPage::Token));
    let after = decoded.transpose()?;
    let later = |item: &T| after.as_deref().is_none_or(|after| if asked.descending { name(item) < after } else { name(item) > after });
    let mut rest = items.into_iter().filter(later);
    let page: Vec<T> = rest.by_ref().take(most).collect();
    let next = rest.next().and(page.last()).map(|last| STANDARD.encode(name(last)));
    Ok((page, next))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_go_up_and_down() {
        let names = |descending, after: Option<&str>| {
            let mut items = vec!["a", "b", "c"];
            if descending {
                items.reverse();
            }
            page(items, |item| item, Asked { after, most: Some(2), limit: 10, descending })
        };
        let (first, next) = names(false, None).unwrap();
        assert_eq!((first, names(false, next.as_deref())), (vec!["a", "b"], Ok((vec!["c"], None))));
        let (first, next) = names(true, None).unwrap();
        assert_eq!((first, names(true, next.as_deref())), (vec!["c", "b"], Ok((vec!["a"], None))));
        assert_eq!(names(false, Some("!")), Err(NoPage::Token));
        assert_eq!(page(vec!["a"], |item| item, Asked { after: None, most: Some(11), limit: 10, descending: false }), Err(NoPage::Size));
    }
}
