-- target: parking_pcn_ledger
-- zone: refined
-- depends on: liberator_liberator_pcn_fd_all, liberator_liberator_pcn_payment, liberator_liberator_pcn_appeal
-- One row for each penalty charge notice: what was charged, what was paid, and what its latest appeal came to.
WITH payment AS (
  SELECT pcn, sum(amount) AS paid, max(paid_at) AS last_paid_at, count(*) AS payments
  FROM liberator_liberator_pcn_payment
  GROUP BY pcn
),
appeal AS (
  SELECT pcn, max_by(outcome, struct(received_on, appeal_id)) AS appeal_outcome, count(*) AS appeals
  FROM liberator_liberator_pcn_appeal
  GROUP BY pcn
)
SELECT
  p.pcn,
  p.vrm,
  p.contravention_code,
  p.usrn,
  p.issued_at,
  p.charge,
  coalesce(payment.paid, 0) AS paid,
  p.charge - coalesce(payment.paid, 0) AS balance,
  coalesce(payment.payments, 0) AS payments,
  payment.last_paid_at,
  coalesce(appeal.appeals, 0) AS appeals,
  appeal.appeal_outcome
FROM liberator_liberator_pcn_fd_all AS p
LEFT JOIN payment ON payment.pcn = p.pcn
LEFT JOIN appeal ON appeal.pcn = p.pcn
