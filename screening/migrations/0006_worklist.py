"""What the worklist asks of a review: its clinic, the child's age, what to know.

The rows there are learn it from their jobs. Signed rows are locked, so the lock is taken off
for the while and put back, on SQLite with the new columns in it: there the lock names each.
"""

from __future__ import annotations

import django.core.validators
import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models


LOCKED = "signed content is locked"
UNSIGNED = "REQUIRES_REVIEW"
FACTS = [
    *["clinic_id", "age_months", "gestational_weeks", "has_lost_skill", "has_concern"],
    *["listed_risk", "draft_risk", "is_text_only", "confidence", "window_months", "window_closes_on", "escalated_at"],
]
KEPT = [
    *["id", "job_id", "version", "due_at", "risk", "reason_code", "reason_text"],
    *["summary", "recommendations", "parent_text", "note", "acknowledged"],
    *["family_approved_by_id", "family_approved_at", "second_read_for", "created_at"],
    *FACTS,
]
BY_SIGNATURE = [
    *["assignee_id", "claimed_at", "signed_off_by_id", "signed_off_at", "signer_name"],
    *["outcome", "changes", "meaning", "content_digest"],
]


def differ(names):
    return " OR ".join(f"NEW.{name} IS NOT OLD.{name}" for name in names)


def lock_of(kept):
    return [
        f"""CREATE TRIGGER review_born_unsigned BEFORE INSERT ON screening_review
            WHEN NEW.state <> '{UNSIGNED}'
            OR EXISTS (SELECT 1 FROM screening_review
                       WHERE (id = NEW.id OR job_id = NEW.job_id)
                       AND state <> '{UNSIGNED}')
            BEGIN SELECT RAISE(ABORT, '{LOCKED}'); END""",
        f"""CREATE TRIGGER review_locked BEFORE UPDATE ON screening_review
            WHEN NOT (OLD.state = '{UNSIGNED}' AND NEW.state = '{UNSIGNED}')
            AND NOT (OLD.state = '{UNSIGNED}' AND NEW.state = 'SIGNED_OFF'
                     AND NOT ({differ([*kept, "released_at", "released_by_id"])})
                     AND EXISTS (SELECT 1 FROM screening_signature s
                                 WHERE s.review_id = NEW.id
                                 AND s.person_id = NEW.signed_off_by_id
                                 AND s.content_digest = NEW.content_digest))
            AND NOT (OLD.state = 'SIGNED_OFF' AND NEW.state = 'DELIVERED'
                     AND NOT ({differ([*kept, *BY_SIGNATURE])}))
            BEGIN SELECT RAISE(ABORT, '{LOCKED}'); END""",
        f"""CREATE TRIGGER review_not_deleted BEFORE DELETE ON screening_review
            WHEN OLD.state <> '{UNSIGNED}'
            BEGIN SELECT RAISE(ABORT, '{LOCKED}'); END""",
    ]


OPEN = {
    "postgresql": ["ALTER TABLE screening_review DISABLE TRIGGER review_locked"],
    "sqlite": [
        "DROP TRIGGER review_born_unsigned",
        "DROP TRIGGER review_locked",
        "DROP TRIGGER review_not_deleted",
    ],
}
LOCK = {
    "postgresql": ["ALTER TABLE screening_review ENABLE ALWAYS TRIGGER review_locked"],
    "sqlite": lock_of(KEPT),
}
LOCK_AS_BEFORE = {
    **LOCK,
    "sqlite": lock_of([name for name in KEPT if name not in FACTS]),
}
LEARN = {
    "postgresql": [
        """UPDATE screening_review r SET clinic_id = j.clinic_id,
               listed_risk = j.risk, draft_risk = j.model_risk,
               age_months = (j.payload ->> 'age_months')::smallint,
               gestational_weeks = (j.payload ->> 'gestational_weeks')::smallint,
               has_lost_skill =
                   coalesce((j.payload #>> '{flags,lost_skill}')::boolean, false),
               has_concern =
                   coalesce((j.payload #>> '{flags,parent_concern}')::boolean, false)
           FROM screening_job j WHERE j.id = r.job_id""",
        # What is checked at the commit would keep the table from being altered.
        "SET CONSTRAINTS ALL IMMEDIATE",
    ],
    "sqlite": [
        """UPDATE screening_review SET
               (clinic_id, listed_risk, draft_risk, age_months, gestational_weeks,
                has_lost_skill, has_concern) =
               (SELECT clinic_id, risk, model_risk, json_extract(payload, '$.age_months'),
                       json_extract(payload, '$.gestational_weeks'),
                       coalesce(json_extract(payload, '$.flags.lost_skill'), 0),
                       coalesce(json_extract(payload, '$.flags.parent_concern'), 0)
                FROM screening_job WHERE screening_job.id = job_id)""",
    ],
}


def run(statements):
    def step(apps, schema_editor):
        for statement in statements[schema_editor.connection.vendor]:
            schema_editor.execute(statement, params=None)

    return step


class Migration(migrations.Migration):

    dependencies = [
        ('screening', '0005_failed_jobs'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RunPython(run(OPEN), run(LOCK_AS_BEFORE)),
        migrations.CreateModel(
            name='FollowUp',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(choices=[('rescreen', 'New screening'), ('referral', 'Referral')], max_length=8)),
                ('to', models.CharField(blank=True, db_default='', default='', max_length=200)),
                ('due_on', models.DateField(blank=True, null=True)),
                ('note', models.CharField(blank=True, db_default='', default='', max_length=1000)),
                ('asked_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
            ],
            options={
                'ordering': ['id'],
            },
        ),
        migrations.CreateModel(
            name='SavedView',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=40)),
                ('query', models.CharField(help_text='Filters, never a search.', max_length=500)),
            ],
            options={
                'ordering': ['name'],
            },
        ),
        migrations.AlterModelOptions(
            name='review',
            options={'ordering': ['-id'], 'permissions': [('sign_off_review', 'Can sign off a review'), ('release_review', 'Can release a signed report'), ('adjudicate_review', 'Can decide between two readers'), ('export_lists', 'Can export lists as CSV')]},
        ),
        migrations.AddField(
            model_name='clinic',
            name='discuss_hours',
            field=models.PositiveSmallIntegerField(blank=True, help_text='From the end of the job. Empty: 72.', null=True, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(8760)], verbose_name='Discuss: hours until signed'),
        ),
        migrations.AddField(
            model_name='clinic',
            name='monitor_hours',
            field=models.PositiveSmallIntegerField(blank=True, help_text='From the end of the job. Empty: 168.', null=True, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(8760)], verbose_name='Monitor: hours until signed'),
        ),
        migrations.AddField(
            model_name='clinic',
            name='on_track_hours',
            field=models.PositiveSmallIntegerField(blank=True, help_text='From the end of the job. Empty: 336.', null=True, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(8760)], verbose_name='On track: hours until signed'),
        ),
        migrations.AddField(
            model_name='clinic',
            name='refer_hours',
            field=models.PositiveSmallIntegerField(blank=True, help_text='From the end of the job. Empty: 24.', null=True, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(8760)], verbose_name='Refer, and answers that cannot be used: hours until signed'),
        ),
        migrations.AddField(
            model_name='review',
            name='age_months',
            field=models.PositiveSmallIntegerField(editable=False, null=True),
        ),
        migrations.AddField(
            model_name='review',
            name='listed_risk',
            field=models.CharField(blank=True, db_default='', default='', editable=False, max_length=12),
        ),
        migrations.AddField(
            model_name='review',
            name='draft_risk',
            field=models.CharField(blank=True, db_default='', default='', editable=False, max_length=12),
        ),
        migrations.AddField(
            model_name='review',
            name='clinic',
            field=models.ForeignKey(null=True, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='reviews', to='screening.clinic'),
        ),
        migrations.AddField(
            model_name='review',
            name='confidence',
            field=models.FloatField(editable=False, null=True),
        ),
        migrations.AddField(
            model_name='review',
            name='escalated_at',
            field=models.DateTimeField(editable=False, null=True),
        ),
        migrations.AddField(
            model_name='review',
            name='gestational_weeks',
            field=models.PositiveSmallIntegerField(editable=False, null=True),
        ),
        migrations.AddField(
            model_name='review',
            name='has_concern',
            field=models.BooleanField(db_default=False, editable=False),
        ),
        migrations.AddField(
            model_name='review',
            name='has_lost_skill',
            field=models.BooleanField(db_default=False, editable=False),
        ),
        migrations.AddField(
            model_name='review',
            name='is_text_only',
            field=models.BooleanField(db_default=False, editable=False),
        ),
        migrations.AddField(
            model_name='review',
            name='window_closes_on',
            field=models.DateField(editable=False, null=True),
        ),
        migrations.AddField(
            model_name='review',
            name='window_months',
            field=models.PositiveSmallIntegerField(editable=False, null=True),
        ),
        migrations.RunPython(run(LEARN), migrations.RunPython.noop),
        migrations.AlterField(
            model_name='review',
            name='clinic',
            field=models.ForeignKey(editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='reviews', to='screening.clinic'),
        ),
        migrations.AddIndex(
            model_name='review',
            index=models.Index(condition=models.Q(('state', 'REQUIRES_REVIEW')), fields=['clinic', 'due_at'], name='review_open_of_clinic'),
        ),
        migrations.AddIndex(
            model_name='review',
            index=models.Index(condition=models.Q(('state', 'REQUIRES_REVIEW'), _negated=True), fields=['clinic', '-signed_off_at'], name='review_signed_of_clinic'),
        ),
        migrations.AddField(
            model_name='followup',
            name='asked_by',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='followup',
            name='review',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='follow_ups', to='screening.review'),
        ),
        migrations.AddField(
            model_name='savedview',
            name='owner',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='saved_views', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddConstraint(
            model_name='followup',
            constraint=models.CheckConstraint(condition=models.Q(('kind__in', ['rescreen', 'referral'])), name='follow_up_kind_known'),
        ),
        migrations.AddConstraint(
            model_name='followup',
            constraint=models.CheckConstraint(condition=models.Q(('kind', 'referral'), ('to', ''), _negated=True), name='follow_up_referral_says_to_whom'),
        ),
        migrations.AddConstraint(
            model_name='followup',
            constraint=models.CheckConstraint(condition=models.Q(('due_on__isnull', True), ('kind', 'rescreen'), _negated=True), name='follow_up_rescreen_says_when'),
        ),
        migrations.AddConstraint(
            model_name='savedview',
            constraint=models.UniqueConstraint(fields=('owner', 'name'), name='saved_view_named_once'),
        ),
        migrations.AddConstraint(
            model_name='review',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('state', 'DELIVERED'), _negated=True), ('parent_text', ''), models.Q(('family_approved_at__isnull', False), ('family_approved_by__isnull', False)), _connector='OR'), name='review_released_with_family_text_approved'),
        ),
        migrations.RunPython(run(LOCK), run(OPEN)),
    ]
