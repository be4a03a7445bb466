-- Paths are the bytes the kernel gave: a name need not be valid UTF-8. Times are nanoseconds since 1970.

CREATE TABLE library (
    id              INTEGER PRIMARY KEY,
    name            TEXT NOT NULL UNIQUE,
    root            BLOB NOT NULL,
    -- 0 once the configuration no longer names it: its files are kept and not listed.
    configured      INTEGER NOT NULL DEFAULT 1,
    -- NULL while the library is online.
    offline_reason  TEXT
) STRICT;

CREATE TABLE file (
    row              INTEGER PRIMARY KEY,
    id               TEXT NOT NULL UNIQUE,
    library_id       INTEGER NOT NULL REFERENCES library (id),
    -- Beneath the library's root.
    path             BLOB NOT NULL,
    -- Base name for people, and the same folded for search and order.
    name             TEXT NOT NULL,
    name_key         TEXT NOT NULL,
    size             INTEGER NOT NULL,
    modified_ns      INTEGER NOT NULL,
    content_version  TEXT NOT NULL,
    -- What is known of the content. Whether the file can be seen is missing_since_ns and its library.
    state            TEXT NOT NULL DEFAULT 'unprobed' CHECK (state IN ('unprobed', 'ready', 'broken')),
    broken_reason    TEXT,
    -- 1 if the next scan may try again: the failure may not have been the content's.
    broken_passing   INTEGER NOT NULL DEFAULT 0,
    probed_at_ns     INTEGER,
    -- Copied out of the facts, for counting and order; 0 while unknown.
    video_codec      TEXT,
    duration_ns      INTEGER NOT NULL DEFAULT 0,
    first_seen_ns    INTEGER NOT NULL,
    missing_since_ns INTEGER,
    views            INTEGER NOT NULL DEFAULT 0,
    position_s       REAL NOT NULL DEFAULT 0,
    UNIQUE (library_id, path)
) STRICT;

CREATE INDEX file_by_name ON file (name_key, id);
CREATE INDEX file_by_modified ON file (modified_ns, id);
CREATE INDEX file_by_size ON file (size, id);
CREATE INDEX file_by_duration ON file (duration_ns, id);
CREATE INDEX file_unprobed ON file (modified_ns) WHERE state = 'unprobed';

-- Apart from file, so that a walk over the files does not read it. The index stands last: reading media
-- does not touch its pages.
CREATE TABLE facts (
    file_row  INTEGER PRIMARY KEY REFERENCES file (row),
    format    INTEGER NOT NULL,
    -- MediaInfo as JSON.
    media     TEXT NOT NULL,
    -- KeyframeIndex as JSON, in a zlib stream.
    keyframes BLOB NOT NULL
) STRICT;
