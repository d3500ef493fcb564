-- Login attempts: the audit of sign-ins, as it is read and trimmed. Bound in
-- oadb/accounts/login_attempts.py.

-- name: list_attempts
-- scope: all users (administration; or of one)
-- Newest first, by the first of several tries. Of a user served by login_attempts_user_id_idx, of
-- an outcome by login_attempts_outcome_idx, else by login_attempts_pkey: a page from each partition
-- of the window at most.
-- grows: with the window, if no filter has an index; an administrator gives :since.
select
    attempt_id,
    attempted_at,
    username,
    user_id,
    host(ip) as ip,
    device,
    broker,
    method,
    outcome,
    reason,
    tries,
    coalesce(last_at, attempted_at) as last_at
from oadb.login_attempts
where
    true
    and user_id = :user_id                                                   --? user_id
    and outcome = :outcome                                                   --? outcome
    and attempted_at >= :since                                               --? since
    and attempted_at < :until                                                --? until
    and attempted_at <= :last_attempted_at                                   --? cursor
    and (attempted_at, attempt_id) < (:last_attempted_at, :last_attempt_id)  --? cursor
order by
    attempted_at desc,
    attempt_id desc
limit :limit;

-- name: count
-- scope: all users (administration)
-- Reads every row that is counted, of the partitions of the window. Of a user served by
-- login_attempts_user_id_idx, of an outcome by login_attempts_outcome_idx, else by
-- login_attempts_pkey; of a large part of a partition, that is read from end to end.
-- grows: with the rows that are counted; an administrator gives :since.
select coalesce(sum(tries), 0)::bigint as attempts
from oadb.login_attempts
where
    attempted_at >= greatest(cast(:since as timestamptz), '-infinity')
    and user_id = :user_id  --? user_id
    and outcome = :outcome  --? outcome
    and attempted_at < least(cast(:until as timestamptz), 'infinity');

-- name: delete_old
-- scope: all users (retention)
-- Deletes at most :batch attempts that are older than :older_than. Served by
-- login_attempts_pkey of their partitions.
delete from oadb.login_attempts
where
    attempted_at < now() - cast(:older_than as interval)
    and (attempted_at, attempt_id) in (
        select
            old.attempted_at,
            old.attempt_id
        from oadb.login_attempts as old
        where old.attempted_at < now() - cast(:older_than as interval)
        order by old.attempted_at
        limit :batch
    );
