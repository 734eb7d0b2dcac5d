//! E-mail and IP addresses.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::ops::Range;

use regex::Regex;

use super::context::{Said, said};
use super::{Finding, Kind};

#[derive(Clone, Debug)]
pub(super) struct Internet {
    email: Regex,
    v4: Regex,
    v6: Regex,
}

impl Internet {
    pub(super) fn new() -> Result<Self, regex::Error> {
        Ok(Self {
            email: Regex::new(
                r"(?i)[a-z0-9][a-z0-9._%+'-]{0,63}(?:@|\s?[(\[]\s?(?:at|@)\s?[)\]]\s?)(?:[a-z0-9][a-z0-9-]{0,62}\.){1,8}[a-z]{2,24}",
            )?,
            v4: Regex::new(r"[0-9]{1,3}(?:\.[0-9]{1,3}){3}")?,
            v6: Regex::new(r"(?i)[0-9a-f]{0,4}(?::[0-9a-f]{0,4}){2,7}")?,
        })
    }

    pub(super) fn emails(&self, text: &str, found: &mut Vec<Finding>) {
        for one in self.email.find_iter(text) {
            found.push(Finding {
                kind: Kind::Email,
                place: one.range(),
            });
        }
    }

    pub(super) fn ips(&self, text: &str, found: &mut Vec<Finding>) {
        let letter = |c: char| c.is_ascii_alphanumeric();
        let mut add = |place: Range<usize>| {
            found.push(Finding {
                kind: Kind::Ip,
                place,
            });
        };
        for one in self.v4.find_iter(text) {
            let (before, after) = (&text[..one.start()], &text[one.end()..]);
            let longer = before.ends_with(|c: char| letter(c) || matches!(c, '.' | '_'))
                || after.starts_with(letter)
                || after
                    .strip_prefix('.')
                    .is_some_and(|it| it.starts_with(letter));
            let personal = one.as_str().parse().is_ok_and(|it: Ipv4Addr| {
                !(it.is_unspecified() || it.is_loopback() || it.is_broadcast())
            });
            if !longer && personal && said(before) != Said::Other {
                add(one.range());
            }
        }
        for one in self.v6.find_iter(text) {
            let (before, after) = (&text[..one.start()], &text[one.end()..]);
            let groups = one.as_str().split(':').filter(|it| !it.is_empty()).count();
            let longer =
                before.ends_with(|c: char| letter(c) || c == ':') || after.starts_with(letter);
            let personal = one
                .as_str()
                .parse()
                .is_ok_and(|it: Ipv6Addr| !(it.is_unspecified() || it.is_loopback()));
            if !longer && groups >= 3 && personal {
                add(one.range());
            }
        }
    }
}
