//! What is expected of a message: lines with wildcards.

use std::fmt::Write as _;

use regex::Regex;

use crate::notation::{Piece, Values, expanded, lines};

/// How long a line may be to be shown whole.
const SHOWN: usize = 160;
const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// One line of a pattern.
struct Line {
    written: String,
    /// `None` for `...`, which stands for any number of lines.
    meaning: Option<Meaning>,
}

enum Meaning {
    Exact(String),
    Like(Regex),
}

impl Meaning {
    fn matches(&self, line: &str) -> bool {
        match self {
            Self::Exact(text) => text == line,
            Self::Like(regex) => regex.is_match(line),
        }
    }
}

/// Compares a message with what is expected of it. What it gave names to is put into `values`; the error shows both.
pub(crate) fn check(expected: &[String], message: &[u8], values: &mut Values) -> Result<(), String> {
    let pattern = expected.iter().flat_map(|line| pages(line)).map(|line| read(line, values)).collect::<Result<Vec<_>, _>>()?;
    let came = lines(message);
    let Some(pairs) = aligned(&pattern, &came) else { return Err(difference(&pattern, &came)) };
    if let Some(date) = came.iter().find_map(|line| line.strip_prefix("Date: ")) {
        // Not `date`, which is a pattern.
        values.insert("Date".to_owned(), date.to_owned());
    }
    for (meaning, line) in pairs.into_iter().rev() {
        if let Meaning::Like(regex) = meaning {
            keep(regex, line, values)?;
        }
    }
    Ok(())
}

/// `{page ...}` stands for the lines of a generated page, `{padding}` for those that some browsers get behind it (alb.md 6.9).
fn pages(line: &str) -> Vec<String> {
    if line == "{padding}" {
        return vec!["<!-- a padding to disable MSIE and Chrome friendly error page -->".to_owned(); 6];
    }
    let Some(title) = line.strip_prefix("{page ").and_then(|rest| rest.strip_suffix('}')) else { return vec![line.to_owned()] };
    let (head, heading) = (format!("<head><title>{title}</title></head>"), format!("<center><h1>{title}</h1></center>"));
    ["<html>", &head, "<body>", &heading, "</body>", "</html>"].map(str::to_owned).into()
}

fn read(written: String, values: &Values) -> Result<Line, String> {
    if written == "..." {
        return Ok(Line { written, meaning: None });
    }
    let pieces = expanded(&written, values);
    let meaning = match &pieces[..] {
        [Piece::Text(text)] if !text.contains('*') => Meaning::Exact(text.clone()),
        pieces => {
            let inside = pieces.iter().map(regular).collect::<Result<String, _>>()?;
            Meaning::Like(Regex::new(&format!("^{inside}$")).map_err(|error| format!("{written}: {error}"))?)
        }
    };
    Ok(Line { written, meaning: Some(meaning) })
}

/// A piece as a regular expression.
fn regular(piece: &Piece) -> Result<String, String> {
    let inside = match piece {
        Piece::Text(text) => return Ok(text.split('*').map(regex::escape).collect::<Vec<_>>().join(".*")),
        Piece::Braces(inside) => inside,
    };
    if let Some(name) = inside.strip_prefix('!') {
        return Ok(format!("(?P<not_{name}>.*)"));
    }
    Ok(match inside.split_once('=') {
        Some((name, kind)) => format!("(?P<{name}>{})", kind_of(kind)?),
        None if inside == "date+7d" => format!("(?P<week>{})", kind_of("date")?),
        // A name that an earlier line of the same message gives.
        None if inside.bytes().all(|byte| byte.is_ascii_lowercase()) && inside != "date" => format!("(?P<same_{inside}>.*)"),
        None => kind_of(inside)?,
    })
}

/// `*`, `8 hex`, `120-130 base64` or `date`.
fn kind_of(kind: &str) -> Result<String, String> {
    match kind.split_once(' ') {
        None if kind == "*" => Ok(".*".to_owned()),
        None if kind == "date" => {
            Ok(format!("(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), [0-9]{{2}} (?:{}) [0-9]{{4}} [0-9]{{2}}:[0-9]{{2}}:[0-9]{{2}} GMT", MONTHS.join("|")))
        }
        Some((count, "hex")) => Ok(format!("[0-9a-f]{{{count}}}")),
        Some((count, "base64")) => Ok(format!("[A-Za-z0-9+/=]{{{}}}", count.replace('-', ","))),
        _ => Err(format!("nothing is known as {{{kind}}}")),
    }
}

/// Which line of the pattern stands for which line that came, the last first; `None` if not all do.
fn aligned<'a>(pattern: &'a [Line], came: &'a [String]) -> Option<Vec<(&'a Meaning, &'a str)>> {
    let Some((first, rest)) = pattern.split_first() else { return came.is_empty().then(Vec::new) };
    match &first.meaning {
        None => (0..=came.len()).find_map(|skipped| aligned(rest, &came[skipped..])),
        Some(meaning) => {
            let (line, others) = came.split_first().filter(|(line, _)| meaning.matches(line))?;
            let mut pairs = aligned(rest, others)?;
            pairs.push((meaning, line));
            Some(pairs)
        }
    }
}

/// Takes over what a line gives names to, and checks what depends on earlier ones.
fn keep(regex: &Regex, line: &str, values: &mut Values) -> Result<(), String> {
    let Some(found) = regex.captures(line) else { return Ok(()) };
    for name in regex.capture_names().flatten() {
        let value = found[name].to_owned();
        if let Some(other) = name.strip_prefix("not_") {
            if values.get(other) == Some(&value) {
                return Err(format!("{line}\n  is as before, where {other} should have changed"));
            }
        } else if let Some(other) = name.strip_prefix("same_") {
            if values.get(other) != Some(&value) {
                return Err(format!("{line}\n  has not the same {other} as before"));
            }
        } else if name == "week" {
            let date = values.get("Date").map_or("", String::as_str);
            let apart = seconds(&value) - seconds(date);
            if (apart - 7 * 86_400).abs() > 5 {
                return Err(format!("{line}\n  is {apart} seconds after {date}, not 7 days"));
            }
        } else {
            values.insert(name.to_owned(), value);
        }
    }
    Ok(())
}

/// Since the year 0 in a calendar whose every month has its right place within a few weeks' reach.
fn seconds(date: &str) -> i64 {
    let parts: Vec<&str> = date.split([' ', ':']).collect();
    let [_, day, month, year, hour, minute, second, _] = parts[..] else { return 0 };
    let number = |text: &str| text.parse::<i64>().unwrap_or_default();
    let month = MONTHS.iter().position(|name| *name == month).and_then(|index| i64::try_from(index).ok()).unwrap_or_default();
    // Days before the month, as of a year that begins in March.
    let (year, month) = if month < 2 { (number(year) - 1, month + 10) } else { (number(year), month - 2) };
    let days = year * 365 + year / 4 - year / 100 + year / 400 + (month * 153 + 2) / 5 + number(day);
    ((days * 24 + number(hour)) * 60 + number(minute)) * 60 + number(second)
}

/// What was expected, `-` before lines that did not come; what came, `+` before lines that nobody expected.
fn difference(pattern: &[Line], came: &[String]) -> String {
    let expects = |line: &String| pattern.iter().any(|expected| expected.meaning.as_ref().is_some_and(|meaning| meaning.matches(line)));
    let mut text = "    expected:\n".to_owned();
    for expected in pattern {
        let missing = expected.meaning.as_ref().is_some_and(|meaning| !came.iter().any(|line| meaning.matches(line)));
        writeln!(text, "    {} {}", if missing { "-" } else { " " }, cut(&expected.written)).unwrap();
    }
    text.push_str("    came:\n");
    let has_gap = pattern.iter().any(|line| line.meaning.is_none());
    for line in came {
        writeln!(text, "    {} {}", if expects(line) || has_gap { " " } else { "+" }, cut(line)).unwrap();
    }
    text
}

fn cut(line: &str) -> String {
    match line.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{} ... ({} characters)", &line[..end], line.len()),
        None => line.to_owned(),
    }
}

#[test]
fn patterns_match() {
    let check = |expected: &[&str], came: &str| {
        let mut values = Values::from([("a".to_owned(), "1".to_owned())]);
        let expected: Vec<String> = expected.iter().map(ToString::to_string).collect();
        super::pattern::check(&expected, came.as_bytes(), &mut values).map(|()| values)
    };
    assert!(check(&["a", "...", "b*", "{a} {!a}", "end\\"], "a\r\nx\r\nbc\r\n1 2\r\nend").is_ok());
    assert!(check(&["a", "b"], "b\r\na\r\n").is_err());
    assert!(check(&["{!a}"], "1\r\n").is_err());
    assert!(check(&["..."], "").is_ok() && check(&["a"], "").is_err() && check(&[], "a").is_err());
    assert_eq!(check(&["x={b=4 hex}."], "x=beef.\r\n").unwrap()["b"], "beef");
    assert!(check(&["{120-130 base64}"], "YWJj\r\n").is_err());
    assert!(check(&["{b=*}", "{b}"], "1\r\n1\r\n").is_ok() && check(&["{b=*}", "{b}"], "1\r\n2\r\n").is_err());
    let dates = ["Date: {date}", "{date+7d}"];
    assert!(check(&dates, "Date: Tue, 27 Feb 2024 23:59:59 GMT\r\nWed, 06 Mar 2024 23:59:59 GMT\r\n").is_err(), "2024 has a 29th");
    assert!(check(&dates, "Date: Tue, 27 Feb 2024 23:59:59 GMT\r\nTue, 05 Mar 2024 23:59:59 GMT\r\n").is_ok());
    assert!(check(&dates, "Date: Sat, 30 Dec 2023 00:00:00 GMT\r\nSat, 06 Jan 2024 00:00:02 GMT\r\n").is_ok());
    assert!(check(&["{date}"], "yesterday\r\n").is_err());
}
