"""Webhooks: who is told, and what was told: an outbox with its history."""

from __future__ import annotations

import django.db.models.deletion
import django.db.models.functions.datetime
import uuid
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('screening', '0006_worklist'),
    ]

    operations = [
        migrations.CreateModel(
            name='WebhookEndpoint',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('url', models.CharField(blank=True, default='', help_text='Empty: for what submissions name as their callback_url.', max_length=2000, verbose_name='URL')),
                ('events', models.JSONField(default=list)),
                ('state', models.CharField(choices=[('enabled', 'Enabled'), ('disabled', 'Disabled'), ('gone', 'Gone: it answered 410')], default='enabled', editable=False, max_length=8)),
                ('salt', models.CharField(editable=False, max_length=64)),
                ('check_digest', models.CharField(editable=False, max_length=16)),
                ('earlier_salt', models.CharField(blank=True, default='', editable=False, max_length=64)),
                ('earlier_check_digest', models.CharField(blank=True, default='', editable=False, max_length=16)),
                ('earlier_until', models.DateTimeField(editable=False, null=True)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('clinic', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='webhooks', to='screening.clinic')),
            ],
            options={
                'ordering': ['clinic', 'url'],
            },
        ),
        migrations.CreateModel(
            name='WebhookDelivery',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('status', models.CharField(choices=[('PENDING', 'Pending'), ('RUNNING', 'Running'), ('DONE', 'Done'), ('FAILED', 'Failed'), ('CANCELLED', 'Cancelled')], db_default='PENDING', default='PENDING', editable=False, max_length=9)),
                ('not_before', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('attempt', models.PositiveIntegerField(db_default=0, default=0, editable=False, help_text='Number of the last claim: the fence.')),
                ('worker', models.CharField(blank=True, db_default='', default='', editable=False, max_length=128)),
                ('lease_until', models.DateTimeField(editable=False, null=True)),
                ('failures', models.PositiveIntegerField(db_default=0, default=0, editable=False, help_text='Model calls that failed, in a row.')),
                ('crashes', models.PositiveIntegerField(db_default=0, default=0, editable=False, help_text='Leases that ran out, in a row.')),
                ('error_code', models.CharField(blank=True, db_default='', default='', editable=False, max_length=64)),
                ('error', models.CharField(blank=True, db_default='', default='', editable=False, max_length=2048)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('updated_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('started_at', models.DateTimeField(editable=False, null=True)),
                ('finished_at', models.DateTimeField(editable=False, null=True)),
                ('url', models.CharField(blank=True, default='', editable=False, help_text="A submission's callback_url; empty: the endpoint's own.", max_length=2000)),
                ('event', models.CharField(choices=[('job.completed', 'A draft is ready'), ('job.failed', 'A job has failed'), ('case.signed_off', 'A clinician has signed'), ('webhook.test', 'A test')], editable=False, max_length=32)),
                ('job_status', models.CharField(blank=True, default='', editable=False, max_length=9)),
                ('review_state', models.CharField(blank=True, default='', editable=False, max_length=15)),
                ('answered', models.PositiveSmallIntegerField(editable=False, help_text='Of the last answer.', null=True, verbose_name='last status')),
                ('job', models.ForeignKey(editable=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='told', to='screening.job')),
                ('endpoint', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='deliveries', to='screening.webhookendpoint')),
            ],
            options={
                'verbose_name_plural': 'webhook deliveries',
                'ordering': ['-created_at', '-id'],
            },
        ),
        migrations.AddConstraint(
            model_name='webhookendpoint',
            constraint=models.UniqueConstraint(fields=('clinic', 'url'), name='webhook_url_once_per_clinic', violation_error_message='The clinic has this endpoint already.'),
        ),
        migrations.AddConstraint(
            model_name='webhookendpoint',
            constraint=models.CheckConstraint(condition=models.Q(('state__in', ['enabled', 'disabled', 'gone'])), name='webhook_state_known'),
        ),
        migrations.AddIndex(
            model_name='webhookdelivery',
            index=models.Index(fields=['-created_at', '-id'], name='webhook_newest'),
        ),
        migrations.AddIndex(
            model_name='webhookdelivery',
            index=models.Index(fields=['endpoint', '-created_at', '-id'], name='webhook_newest_of_endpoint'),
        ),
        migrations.AddIndex(
            model_name='webhookdelivery',
            index=models.Index(condition=models.Q(('status', 'PENDING')), fields=['not_before'], name='webhook_pending_by_due_time'),
        ),
        migrations.AddIndex(
            model_name='webhookdelivery',
            index=models.Index(condition=models.Q(('status', 'RUNNING')), fields=['lease_until'], name='webhook_running_by_lease'),
        ),
        migrations.AddIndex(
            model_name='webhookdelivery',
            index=models.Index(condition=models.Q(('status', 'FAILED')), fields=['endpoint'], name='webhook_dead'),
        ),
        migrations.AddConstraint(
            model_name='webhookdelivery',
            constraint=models.CheckConstraint(condition=models.Q(('status__in', ['PENDING', 'RUNNING', 'DONE', 'FAILED'])), name='webhook_status_known'),
        ),
        migrations.AddConstraint(
            model_name='webhookdelivery',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('finished_at__isnull', False), ('status__in', ['DONE', 'FAILED'])), models.Q(('finished_at__isnull', True), ('status__in', ['PENDING', 'RUNNING'])), _connector='OR'), name='webhook_finished_iff_ended'),
        ),
        migrations.AddConstraint(
            model_name='webhookdelivery',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('lease_until__isnull', False), ('status', 'RUNNING')), models.Q(models.Q(('status', 'RUNNING'), _negated=True), ('lease_until__isnull', True)), _connector='OR'), name='webhook_leased_iff_running'),
        ),
        migrations.AddConstraint(
            model_name='webhookdelivery',
            constraint=models.CheckConstraint(condition=models.Q(('error_code', ''), ('status', 'FAILED'), _negated=True), name='webhook_given_up_has_code'),
        ),
        migrations.AddConstraint(
            model_name='webhookdelivery',
            constraint=models.CheckConstraint(condition=models.Q(('event__in', ['job.completed', 'job.failed', 'case.signed_off', 'webhook.test'])), name='webhook_event_known'),
        ),
        migrations.AddConstraint(
            model_name='webhookdelivery',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('event', 'webhook.test'), ('job__isnull', True)), models.Q(models.Q(('event', 'webhook.test'), _negated=True), ('job__isnull', False)), _connector='OR'), name='webhook_tells_of_a_job_or_is_a_test'),
        ),
    ]
