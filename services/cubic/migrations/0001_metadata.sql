-- The state of every file of Cubic. cubic/loads.py has the same statuses and transitions; a test compares them.

CREATE TYPE cubic_load_status AS ENUM (
    'ready', 'ingesting', 'ready_for_archiving', 'ready_for_erroring', 'archiving', 'erroring', 'archived', 'errored'
);

CREATE TABLE cubic_tables (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL UNIQUE,
    s3_prefix text NOT NULL UNIQUE,
    is_active boolean NOT NULL DEFAULT true,
    key_columns text[] NOT NULL DEFAULT '{}',
    sparse_updates boolean NOT NULL DEFAULT true,
    paused_because text,
    -- How many loads in a row were refused for one reason, and its code: five pause the table.
    refusals integer NOT NULL DEFAULT 0 CHECK (refusals >= 0),
    refused_for text,
    CHECK ((refusals = 0) = (refused_for IS NULL))
);

CREATE TABLE cubic_batches (
    id uuid PRIMARY KEY,
    table_id bigint NOT NULL REFERENCES cubic_tables,
    job_run_id text UNIQUE,
    started_at timestamptz NOT NULL,
    -- Until then the function that claimed the batch may still be starting its run.
    claimed_until timestamptz NOT NULL,
    ended_at timestamptz,
    -- A rebuild from the archive: a batch without loads, as theirs have ended. No other is open beside it.
    is_rebuild boolean NOT NULL DEFAULT false,
    UNIQUE (id, table_id)
);
CREATE UNIQUE INDEX cubic_batches_one_open_per_table ON cubic_batches (table_id) WHERE ended_at IS NULL;

CREATE TABLE cubic_loads (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    table_id bigint NOT NULL REFERENCES cubic_tables,
    status cubic_load_status NOT NULL,
    -- Compared as S3 sorts it, by its bytes: then an index finds all keys under a prefix, whatever the database's locale.
    s3_key text COLLATE "C" NOT NULL,
    s3_modified timestamptz NOT NULL,
    s3_size bigint NOT NULL CHECK (s3_size >= 0),
    s3_version text NOT NULL,
    s3_etag text NOT NULL,
    registered_at timestamptz NOT NULL,
    -- The runs that died while they had this load.
    attempts integer NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    batch_id uuid,
    reason text,
    rows bigint CHECK (rows >= 0),
    -- The snapshot under which its partition is, or will be: set when it is first claimed.
    raw_snapshot timestamptz,
    -- The key is reserved before the copy; the version is there once the copy is.
    kept_key text,
    kept_version text,
    -- The key that an archived load moves to, whose snapshot changed.
    refile_key text,
    UNIQUE (s3_key, s3_modified, s3_version),
    UNIQUE (id, table_id),
    FOREIGN KEY (batch_id, table_id) REFERENCES cubic_batches (id, table_id),
    CHECK ((status = 'ingesting') = (batch_id IS NOT NULL)),
    CHECK (status NOT IN ('archived', 'errored') OR (kept_key IS NOT NULL AND kept_version IS NOT NULL)),
    CHECK (status NOT IN ('ready_for_archiving', 'archiving', 'archived') OR rows IS NOT NULL),
    CHECK (status NOT IN ('ready_for_erroring', 'erroring', 'errored') OR reason IS NOT NULL)
);
CREATE UNIQUE INDEX cubic_loads_one_version_at_a_time ON cubic_loads (s3_key) WHERE status = 'ingesting';
CREATE UNIQUE INDEX cubic_loads_archived_keys ON cubic_loads (kept_key)
    WHERE kept_key IS NOT NULL AND status IN ('archiving', 'ready_for_archiving', 'archived');
CREATE UNIQUE INDEX cubic_loads_errored_keys ON cubic_loads (kept_key)
    WHERE kept_key IS NOT NULL AND status IN ('erroring', 'ready_for_erroring', 'errored');
CREATE INDEX cubic_loads_refile_keys ON cubic_loads (refile_key) WHERE refile_key IS NOT NULL;
CREATE INDEX cubic_loads_ready ON cubic_loads (table_id, s3_modified, id) WHERE status = 'ready';
CREATE INDEX cubic_loads_batch ON cubic_loads (batch_id) WHERE batch_id IS NOT NULL;
CREATE INDEX cubic_loads_undone ON cubic_loads (table_id, status) WHERE status NOT IN ('archived', 'errored');
CREATE INDEX cubic_loads_table ON cubic_loads (table_id, s3_modified);

CREATE TABLE cubic_load_transitions (
    before cubic_load_status NOT NULL,
    after cubic_load_status NOT NULL,
    PRIMARY KEY (before, after)
);
INSERT INTO cubic_load_transitions (before, after) VALUES
    ('ready', 'ingesting'),
    ('ready', 'ready_for_erroring'),
    ('ingesting', 'ready'),
    ('ingesting', 'ready_for_archiving'),
    ('ingesting', 'ready_for_erroring'),
    ('ready_for_archiving', 'archiving'),
    ('archiving', 'ready_for_archiving'),
    ('archiving', 'archived'),
    ('ready_for_erroring', 'erroring'),
    ('erroring', 'ready_for_erroring'),
    ('erroring', 'errored');

CREATE FUNCTION cubic_refuse_load_transition() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM cubic_load_transitions WHERE before = OLD.status AND after = NEW.status) THEN
        RAISE EXCEPTION 'load % must not go from % to %', OLD.id, OLD.status, NEW.status
            USING ERRCODE = 'check_violation', CONSTRAINT = 'cubic_load_transitions';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER cubic_load_transition BEFORE UPDATE OF status ON cubic_loads
    FOR EACH ROW WHEN (OLD.status IS DISTINCT FROM NEW.status) EXECUTE FUNCTION cubic_refuse_load_transition();

-- A row for each start or restart of the collection. A late discovery may move one to the next second, so that all
-- references are checked at the end of the transaction.
CREATE TABLE cubic_table_ods_snapshots (
    table_id bigint NOT NULL REFERENCES cubic_tables,
    snapshot timestamptz NOT NULL,
    snapshot_s3_key text NOT NULL,
    load_id bigint NOT NULL,
    settled_at timestamptz,
    PRIMARY KEY (table_id, snapshot),
    UNIQUE (load_id),
    FOREIGN KEY (load_id, table_id) REFERENCES cubic_loads (id, table_id)
);

CREATE TABLE cubic_load_ods_snapshots (
    load_id bigint PRIMARY KEY,
    table_id bigint NOT NULL,
    snapshot timestamptz NOT NULL,
    is_ct boolean NOT NULL,
    -- Whether the load has ended where this says: all others are few, in whatever history. False may be too careful.
    filed boolean NOT NULL DEFAULT false,
    FOREIGN KEY (load_id, table_id) REFERENCES cubic_loads (id, table_id),
    FOREIGN KEY (table_id, snapshot) REFERENCES cubic_table_ods_snapshots (table_id, snapshot)
        DEFERRABLE INITIALLY DEFERRED
);
CREATE INDEX cubic_load_ods_snapshots_snapshot ON cubic_load_ods_snapshots (table_id, snapshot, is_ct, load_id);
CREATE INDEX cubic_load_ods_snapshots_not_filed ON cubic_load_ods_snapshots (load_id) WHERE NOT filed;

-- Files of ODS that wait: no snapshot that they belong to has begun; or their place in it has a newer version that is about
-- to leave. They would not get in, and the place would be empty then.
CREATE VIEW cubic_waiting_loads AS
    SELECT l.* FROM cubic_loads l
    WHERE l.status = 'ready' AND starts_with(l.s3_key, 'cubic/ods_qlik/') AND (
        NOT EXISTS (SELECT FROM cubic_load_ods_snapshots o WHERE o.load_id = l.id)
        OR EXISTS (
            SELECT FROM cubic_load_ods_snapshots o
            JOIN cubic_loads there ON there.s3_key = l.s3_key AND there.raw_snapshot = o.snapshot AND there.rows IS NOT NULL
            LEFT JOIN cubic_load_ods_snapshots t ON t.load_id = there.id
            WHERE o.load_id = l.id AND t.snapshot IS DISTINCT FROM o.snapshot
        )
    );

CREATE VIEW cubic_claimable_loads AS
    SELECT l.* FROM cubic_loads l
    WHERE l.status = 'ready' AND NOT EXISTS (SELECT FROM cubic_waiting_loads w WHERE w.id = l.id);

-- Archived loads whose snapshot is no longer the one of their partition, or of their key in the archive.
CREATE VIEW cubic_misfiled_loads AS
    SELECT l.* FROM cubic_loads l JOIN cubic_load_ods_snapshots o ON o.load_id = l.id
    WHERE NOT o.filed AND l.status = 'archived' AND (
        o.snapshot IS DISTINCT FROM l.raw_snapshot
        OR position('/snapshot=' || to_char(o.snapshot AT TIME ZONE 'UTC', 'YYYYMMDD"T"HH24MISS"Z"') || '/' IN l.kept_key) = 0
    );

-- Qlik's .dfm files.
CREATE TABLE cubic_descriptions (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    table_id bigint NOT NULL REFERENCES cubic_tables,
    s3_key text COLLATE "C" NOT NULL,
    s3_version text NOT NULL,
    s3_modified timestamptz NOT NULL,
    document jsonb NOT NULL,
    -- Whether it is gone from Incoming, as the file that it describes is.
    removed boolean NOT NULL DEFAULT false,
    UNIQUE (s3_key, s3_modified, s3_version)
);

CREATE INDEX cubic_descriptions_not_removed ON cubic_descriptions (s3_key) WHERE NOT removed;

-- One alert for one subject.
CREATE TABLE cubic_told (
    subject text PRIMARY KEY,
    told_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE cubic_dmap_feeds (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL UNIQUE,
    relative_url text NOT NULL,
    last_updated date,
    is_active boolean NOT NULL DEFAULT true
);

CREATE TABLE cubic_dmap_datasets (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    feed_id bigint NOT NULL REFERENCES cubic_dmap_feeds,
    dataset_id text NOT NULL,
    last_updated timestamptz NOT NULL,
    s3_key text NOT NULL,
    sha256 text NOT NULL,
    s3_size bigint NOT NULL CHECK (s3_size >= 0),
    begun_at timestamptz NOT NULL,
    -- Both are null from just before the upload appears in Incoming until it is known to have.
    s3_version text,
    fetched_at timestamptz,
    UNIQUE (feed_id, dataset_id, last_updated),
    CHECK ((s3_version IS NULL) = (fetched_at IS NULL))
);

CREATE TABLE cubic_kafka_streams (
    topic text PRIMARY KEY,
    -- The time at which the stream of these shards was made: one that is made anew has the same names.
    stream_created timestamptz
);

CREATE TABLE cubic_kafka_shards (
    topic text NOT NULL REFERENCES cubic_kafka_streams,
    shard_id text NOT NULL,
    parents text[] NOT NULL DEFAULT '{}',
    checkpoint numeric,
    -- All records that arrived before are in files.
    filed_until timestamptz NOT NULL,
    ended boolean NOT NULL DEFAULT false,
    PRIMARY KEY (topic, shard_id)
);

CREATE TABLE cubic_kafka_files (
    id text PRIMARY KEY CHECK (length(id) = 22),
    topic text NOT NULL REFERENCES cubic_kafka_streams,
    ranges jsonb NOT NULL,
    records integer NOT NULL CHECK (records > 0),
    s3_key text NOT NULL,
    created_at timestamptz NOT NULL,
    written_at timestamptz
);
CREATE UNIQUE INDEX cubic_kafka_files_one_unwritten_per_topic ON cubic_kafka_files (topic) WHERE written_at IS NULL;
