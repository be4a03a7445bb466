//! A client as small as can be: HTTP/1.1 (RFC 9112) over one connection that is kept.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// Longer than any answer takes on a slow machine; what exceeds it hangs.
const PATIENCE: Duration = Duration::from_secs(60);

pub struct Client {
    address: SocketAddr,
    patience: Duration,
    connection: Option<BufReader<TcpStream>>,
}

#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub content_type: String,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// What the head of an answer says.
struct Head {
    status: u16,
    content_type: String,
    length: Option<usize>,
    chunked: bool,
    close: bool,
}

impl Client {
    pub fn new(address: SocketAddr) -> Self {
        Self { address, patience: PATIENCE, connection: None }
    }

    pub fn with_patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    pub fn get(&mut self, path: &str) -> std::io::Result<Answer> {
        self.ask("GET", path, "")
    }

    pub fn post(&mut self, path: &str) -> std::io::Result<Answer> {
        self.ask("POST", path, "{}")
    }

    /// An answer whose body broke off is an error.
    fn ask(&mut self, method: &str, path: &str, body: &str) -> std::io::Result<Answer> {
        let kept = self.connection.is_some();
        match self.exchange(method, path, body) {
            // The server may have closed a connection that was idle for long.
            Err(error) if kept && error.kind() == std::io::ErrorKind::ConnectionReset => {
                self.exchange(method, path, body)
            }
            answer => answer,
        }
    }

    fn exchange(&mut self, method: &str, path: &str, body: &str) -> std::io::Result<Answer> {
        let (head, mut reader) = self.send(method, path, body)?;
        let mut body = Vec::new();
        match (head.chunked, head.length) {
            (true, _) => while read_chunk(&mut reader, &mut body)? {},
            (false, Some(length)) => {
                body.resize(length, 0);
                reader.read_exact(&mut body)?;
            }
            (false, None) => drop(reader.read_to_end(&mut body)?),
        }
        if !head.close && (head.chunked || head.length.is_some()) {
            self.connection = Some(reader);
        }
        Ok(Answer { status: head.status, content_type: head.content_type, body })
    }

    fn send(
        &mut self,
        method: &str,
        path: &str,
        body: &str,
    ) -> std::io::Result<(Head, BufReader<TcpStream>)> {
        let mut reader = match self.connection.take() {
            Some(reader) => reader,
            None => self.connect()?,
        };
        let content = match body {
            "" => String::new(),
            body => format!("Content-Type: application/json\r\nContent-Length: {}\r\n", body.len()),
        };
        let request = format!("{method} {path} HTTP/1.1\r\nHost: {}\r\n{content}\r\n{body}", self.address);
        reader.get_mut().write_all(request.as_bytes())?;
        let head = read_head(&mut reader)?;
        Ok((head, reader))
    }

    fn connect(&self) -> std::io::Result<BufReader<TcpStream>> {
        let stream = TcpStream::connect(self.address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(self.patience))?;
        stream.set_write_timeout(Some(self.patience))?;
        Ok(BufReader::new(stream))
    }

    /// Asks, reads at most so many bytes of whatever comes, and hangs up.
    pub fn abandon(&mut self, path: &str, after: usize) -> std::io::Result<()> {
        let (_, mut reader) = self.send("GET", path, "")?;
        let mut some = vec![0; after];
        let _read = reader.read(&mut some)?;
        Ok(())
    }

    /// Reads an answer in pieces with a rest between them; the number of bytes.
    pub fn sip(&mut self, path: &str, piece: usize, mut rest: impl FnMut()) -> std::io::Result<usize> {
        let (head, mut reader) = self.send("GET", path, "")?;
        if !head.chunked {
            let mut left = head.length.unwrap_or(0);
            let whole = left;
            let mut some = vec![0; piece];
            while left > 0 {
                let count = reader.read(&mut some[..piece.min(left)])?;
                if count == 0 {
                    return Err(std::io::ErrorKind::UnexpectedEof.into());
                }
                left -= count;
                rest();
            }
            self.connection = Some(reader);
            return Ok(whole);
        }
        let mut body = Vec::new();
        while read_chunk(&mut reader, &mut body)? {
            rest();
        }
        self.connection = Some(reader);
        Ok(body.len())
    }
}

fn read_line(reader: &mut BufReader<TcpStream>) -> std::io::Result<String> {
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Err(std::io::ErrorKind::ConnectionReset.into());
    }
    Ok(line.trim_end().to_owned())
}

fn read_head(reader: &mut BufReader<TcpStream>) -> std::io::Result<Head> {
    let status = read_line(reader)?.split(' ').nth(1).and_then(|status| status.parse().ok());
    let status = status.ok_or(std::io::ErrorKind::InvalidData)?;
    let mut head = Head { status, content_type: String::new(), length: None, chunked: false, close: false };
    loop {
        let line = read_line(reader)?;
        let Some((name, value)) = line.split_once(':') else {
            return Ok(head);
        };
        let value = value.trim();
        match name.to_ascii_lowercase().as_str() {
            "content-length" => head.length = value.parse().ok(),
            "content-type" => value.clone_into(&mut head.content_type),
            "transfer-encoding" => head.chunked = value.eq_ignore_ascii_case("chunked"),
            "connection" => head.close = value.eq_ignore_ascii_case("close"),
            _ => {}
        }
    }
}

/// Appends one chunk; false at the last. A connection that ends before it is an error.
fn read_chunk(reader: &mut BufReader<TcpStream>, body: &mut Vec<u8>) -> std::io::Result<bool> {
    let line = read_line(reader)?;
    let digits = line.split(';').next().unwrap_or_default();
    let size = usize::from_str_radix(digits, 16).map_err(|_| std::io::ErrorKind::InvalidData)?;
    let at = body.len();
    body.resize(at + size, 0);
    reader.read_exact(&mut body[at..])?;
    let mut end = [0; 2];
    reader.read_exact(&mut end)?;
    Ok(size > 0)
}
