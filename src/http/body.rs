//! Response bodies: pieces that are there, and pieces that come.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use http_body_util::BodyExt;
use http_body_util::combinators::UnsyncBoxBody;
use hyper::body::{Frame, SizeHint};

pub type Body = UnsyncBoxBody<Bytes, io::Error>;

pub fn empty() -> Body {
    pieces(Vec::new())
}

pub fn full(bytes: impl Into<Bytes>) -> Body {
    pieces(vec![bytes.into()])
}

/// One after the other, of known length together.
pub fn pieces(pieces: Vec<Bytes>) -> Body {
    let left = pieces.iter().map(|piece| piece.len() as u64).sum();
    let pieces = pieces.into_iter().filter(|piece| piece.has_remaining()).collect();
    Pieces { pieces, left }.boxed_unsync()
}

/// A body without bytes whose length is not told: what HEAD gets where GET is answered as it is made.
pub fn untold() -> Body {
    growing(None, (), async |()| None)
}

/// What `step` returns, piece by piece, until it returns `None`; an error ends the body without its proper
/// end, so that the client sees a broken transfer. `length` is told when known.
pub fn growing<S, F, Fut>(length: Option<u64>, state: S, step: F) -> Body
where
    S: Send + Unpin + 'static,
    F: FnMut(S) -> Fut + Send + Unpin + 'static,
    Fut: Future<Output = Option<(S, io::Result<Bytes>)>> + Send + 'static,
{
    Growing { left: length, state: Some(state), step, pending: None }.boxed_unsync()
}

/// `body`, with `guard` dropped when it is sent or given up.
pub fn holding(body: Body, guard: impl Send + Unpin + 'static) -> Body {
    Holding { body, _guard: guard }.boxed_unsync()
}

struct Holding<G> {
    body: Body,
    _guard: G,
}

impl<G: Unpin> hyper::body::Body for Holding<G> {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

struct Pieces {
    pieces: VecDeque<Bytes>,
    left: u64,
}

impl hyper::body::Body for Pieces {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let piece = self.pieces.pop_front();
        self.left -= piece.as_ref().map_or(0, |piece| piece.len() as u64);
        Poll::Ready(piece.map(|piece| Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.pieces.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

struct Growing<S, F, Fut> {
    left: Option<u64>,
    /// None while a step is pending, and after the end.
    state: Option<S>,
    step: F,
    pending: Option<Pin<Box<Fut>>>,
}

impl<S, F, Fut> hyper::body::Body for Growing<S, F, Fut>
where
    S: Unpin,
    F: FnMut(S) -> Fut + Unpin,
    Fut: Future<Output = Option<(S, io::Result<Bytes>)>>,
{
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let this = &mut *self;
        if let Some(state) = this.state.take() {
            this.pending = Some(Box::pin((this.step)(state)));
        }
        let Some(pending) = &mut this.pending else { return Poll::Ready(None) };
        let stepped = ready!(pending.as_mut().poll(context));
        this.pending = None;
        Poll::Ready(match stepped {
            None => None,
            Some((_, Err(error))) => Some(Err(error)),
            Some((state, Ok(bytes))) => {
                this.state = Some(state);
                this.left = this.left.map(|left| left.saturating_sub(bytes.len() as u64));
                Some(Ok(Frame::data(bytes)))
            }
        })
    }

    fn is_end_stream(&self) -> bool {
        self.left == Some(0)
    }

    fn size_hint(&self) -> SizeHint {
        self.left.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}
