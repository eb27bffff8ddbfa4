//! Server-sent events, as the HTML standard has them, with everything bounded.

/// The longest event, in bytes.
const MAX_EVENT: usize = 1 << 20;

/// Takes bytes in and gives the data of whole events out.
#[derive(Debug, Default)]
pub(super) struct Events {
    line: Vec<u8>,
    data: Vec<u8>,
    has_data: bool,
    after_return: bool,
}

/// An event has more bytes than any that makes sense.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TooLong;

impl Events {
    /// The data of each event that ends in these bytes.
    pub(super) fn take(&mut self, bytes: &[u8]) -> Result<Vec<String>, TooLong> {
        let mut events = Vec::new();
        for byte in bytes {
            let ends = match byte {
                b'\n' => !std::mem::take(&mut self.after_return),
                b'\r' => {
                    self.after_return = true;
                    true
                }
                other => {
                    self.after_return = false;
                    self.line.push(*other);
                    false
                }
            };
            if ends {
                events.extend(self.end_line());
            }
            if self.line.len() + self.data.len() > MAX_EVENT {
                return Err(TooLong);
            }
        }
        Ok(events)
    }

    /// Ends a line; gives the event that ends with it.
    fn end_line(&mut self) -> Option<String> {
        let line = std::mem::take(&mut self.line);
        if line.is_empty() {
            let data = std::mem::take(&mut self.data);
            return std::mem::take(&mut self.has_data).then(|| String::from_utf8_lossy(&data).into_owned());
        }
        let value = line.strip_prefix(b"data:")?;
        let value = value.strip_prefix(b" ").unwrap_or(value);
        if std::mem::replace(&mut self.has_data, true) {
            self.data.push(b'\n');
        }
        self.data.extend_from_slice(value);
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_come_out_however_the_bytes_are_cut() {
        let text =
            b": hi\r\nevent: x\ndata: {\"a\":1}\n\ndata:one\r\ndata: two\r\n\r\nid: 7\n\ndata: last\n\n";
        for size in [1, 2, 3, 7, text.len()] {
            let mut events = Events::default();
            let seen: Vec<_> =
                text.chunks(size).flat_map(|chunk| events.take(chunk).expect("they are short")).collect();
            assert_eq!(seen, ["{\"a\":1}", "one\ntwo", "last"], "{size}");
        }
    }

    #[test]
    fn a_line_that_never_ends_is_given_up() {
        let mut events = Events::default();
        let flood = (0..=1_024).try_for_each(|_| events.take(&[b'x'; 1_024]).map(drop));
        assert_eq!(flood, Err(TooLong));
    }
}
